/**
 * Limits of SSH connections: see `limits.ts` for all others.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { KIB, MIB } from "./limits.ts";

/** SSH connections at a time: each has cipher state and buffers of a few hundred KiB at least. */
export const SSH_CONNECTION_COUNT_MAX = 512;
/** SSH connections that have not logged in yet: strangers must not use up the connections. */
export const SSH_LOGIN_COUNT_MAX = 96;
/** The same from one address: nobody keeps others from logging in. */
export const SSH_LOGIN_ADDRESS_COUNT_MAX = 64;
/** From the connection to the end of the login; enough for a person to touch a security key. */
export const SSH_LOGIN_MS_MAX = 60 * 1000;
/** Keys that one connection may offer: agents offer all they hold, two requests for each. */
export const SSH_LOGIN_ATTEMPT_COUNT_MAX = 40;
/** Sessions of one SSH connection at a time (`ControlMaster`); OpenSSH allows 10. */
export const SSH_CHANNEL_COUNT_MAX = 10;
/** A connection that moves no bytes of a session is cut: longer than clients compress a push. */
export const SSH_IDLE_MS_MAX = 30 * 60 * 1000;
/** Silence after which an SSH client is asked whether it lives. */
export const SSH_KEEP_ALIVE_MS = 15 * 1000;
/** Unanswered questions after which an SSH client is taken for dead. */
export const SSH_KEEP_ALIVE_COUNT_MAX = 4;
/** Bytes that wait in a socket before sessions stop writing: some round trips at full speed. */
export const SSH_SEND_BYTES_MAX = 1 * MIB;
/** Bytes in a socket above which the client's own packets wait, whose answers would add to them. */
export const SSH_ANSWER_BYTES_MAX = 4 * MIB;
/** Bytes that a client may send ahead of a session: twice the window that it is given. */
export const SSH_RECEIVE_BYTES_MAX = 4 * MIB;
/** A command line: a service and a repository's name in quotes. */
export const SSH_COMMAND_BYTES_MAX = 4 * KIB;
/** The file of keys that may log in: thousands of lines, read at each login. */
export const SSH_AUTHORIZED_KEYS_BYTES_MAX = 1 * MIB;

assert(SSH_LOGIN_COUNT_MAX < SSH_CONNECTION_COUNT_MAX, "Strangers leave room for others");
assert(SSH_LOGIN_ADDRESS_COUNT_MAX < SSH_LOGIN_COUNT_MAX, "An address leaves room for others");
assert(SSH_SEND_BYTES_MAX < SSH_ANSWER_BYTES_MAX, "Sessions stop before answers do");
