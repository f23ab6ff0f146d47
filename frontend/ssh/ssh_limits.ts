/**
 * The limits of SSH connections as one value, so that tests can make them small.
 *
 * @module
 */

import {
  SSH_CHANNEL_COUNT_MAX,
  SSH_CONNECTION_COUNT_MAX,
  SSH_IDLE_MS_MAX,
  SSH_KEEP_ALIVE_COUNT_MAX,
  SSH_KEEP_ALIVE_MS,
  SSH_LOGIN_ADDRESS_COUNT_MAX,
  SSH_LOGIN_COUNT_MAX,
  SSH_LOGIN_MS_MAX,
} from "@gitstratum/core";

/** Limits of a server. Times are in milliseconds. */
export interface SshLimits {
  readonly connectionCountMax: number;
  /** Connections that have not logged in. */
  readonly loginCountMax: number;
  /** The same from one address. */
  readonly loginAddressCountMax: number;
  readonly loginMsMax: number;
  /** Sessions of one connection. */
  readonly channelCountMax: number;
  readonly idleMsMax: number;
  readonly keepAliveMs: number;
  readonly keepAliveCountMax: number;
}

/** What `core/limits.ts` says. */
export const SSH_LIMITS: SshLimits = {
  connectionCountMax: SSH_CONNECTION_COUNT_MAX,
  loginCountMax: SSH_LOGIN_COUNT_MAX,
  loginAddressCountMax: SSH_LOGIN_ADDRESS_COUNT_MAX,
  loginMsMax: SSH_LOGIN_MS_MAX,
  channelCountMax: SSH_CHANNEL_COUNT_MAX,
  idleMsMax: SSH_IDLE_MS_MAX,
  keepAliveMs: SSH_KEEP_ALIVE_MS,
  keepAliveCountMax: SSH_KEEP_ALIVE_COUNT_MAX,
};
