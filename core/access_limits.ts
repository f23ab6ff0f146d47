/**
 * Limits of authentication and of rules for references: see `limits.ts` for all others.
 *
 * @module
 */

import { assert } from "./assert.ts";
import {
  ACCESS_LINE_LENGTH_MAX,
  ACCESS_LINE_RECORD_COUNT_MAX,
  ACCESS_PAGE_COUNT_MAX,
  JSON_BODY_BYTES_MAX,
  KIB,
} from "./limits.ts";

/** Longest `Authorization` header, in bytes: a token with the longest name of a user is far shorter. */
export const AUTHORIZATION_BYTES_MAX = 2 * KIB;
/** Addresses that a frontend remembers for failed attempts: about 200 bytes each. */
export const FAILED_ATTEMPT_ADDRESS_COUNT_MAX = 10_000;
/** An address that has not failed for so long starts anew, in milliseconds. */
export const FAILED_ATTEMPT_MEMORY_MS = 10 * 60 * 1000;
/** Longest wait for the refusal of a failed attempt, in milliseconds: clients give up later. */
export const FAILED_ATTEMPT_WAIT_MS_MAX = 5000;
/** Refusals that wait at once on one frontend: each holds a connection. */
export const FAILED_ATTEMPT_WAIT_COUNT_MAX = 256;
/** Refusals that must not tell whether there is something take a multiple of this, in milliseconds. */
export const HIDDEN_ANSWER_GRAIN_MS = 20;
/** Longest signature of a commit in characters: one by a key of 16384 bits takes half of it. */
export const SSH_SIGNATURE_LENGTH_MAX = 16 * KIB;
/** Longest OpenPGP signature of a commit in characters: one by a key of 8192 bits takes a fifth of it. */
export const OPENPGP_SIGNATURE_LENGTH_MAX = 8 * KIB;
/** An OpenPGP key as it is exported, armoured: enough for some dozens of other people's signatures. */
export const OPENPGP_KEY_LENGTH_MAX = 64 * KIB;
/** What is kept of one in bytes: two keys of 8192 bits that sign, with what binds them, fit. */
export const OPENPGP_KEY_KEPT_BYTES_MAX = 6 * KIB;
/** Its own packets, without others' signatures: each may cost a check of some milliseconds. */
export const OPENPGP_KEY_PACKET_COUNT_MAX = 128;
/** The primary key with signatures on itself: each may be checked again with each subkey. */
export const OPENPGP_PRIMARY_PACKET_COUNT_MAX = 16;
/** Subkeys of it. */
export const OPENPGP_SUBKEY_COUNT_MAX = 16;
/** Bits of an RSA key in it: GnuPG makes none that are larger. */
export const OPENPGP_RSA_BITS_MAX = 8192;
/** OpenPGP keys of one user: a key for each machine, and those before them. */
export const USER_OPENPGP_KEY_COUNT_MAX = 32;
/** OpenPGP keys that a frontend holds ready to check signatures with: some tens of KiB each. */
export const OPENPGP_READY_KEY_COUNT_MAX = 256;
/** The clock of whoever signs may be so far ahead, in milliseconds. */
export const OPENPGP_CLOCK_SKEW_MS = 5 * 60 * 1000;
/** Commits of one push whose signatures are checked; a push that brings more has to come in parts. */
export const SIGNED_COMMIT_COUNT_MAX = 4096;
/** Commits that are told at once to whoever checks their signatures: some KiB of JSON each. */
export const UNCHECKED_COMMIT_COUNT_MAX = 64;
/** Rules for references that one repository keeps: each is matched with each reference of a push. */
export const PROTECTED_REFERENCE_COUNT_MAX = 100;
/** Users, and deploy keys, that one such rule names. */
export const REFERENCE_PUSHER_COUNT_MAX = 100;

assert(UNCHECKED_COMMIT_COUNT_MAX <= SIGNED_COMMIT_COUNT_MAX, "Some rounds check all commits");
assert(
  FAILED_ATTEMPT_WAIT_MS_MAX < FAILED_ATTEMPT_MEMORY_MS,
  "Whoever waits for a refusal is remembered",
);
assert(
  ACCESS_PAGE_COUNT_MAX * (OPENPGP_KEY_KEPT_BYTES_MAX / 3 * 4 + 1024) <= JSON_BODY_BYTES_MAX,
  "A page of OpenPGP keys fits its body",
);
assert(
  ACCESS_LINE_RECORD_COUNT_MAX * (OPENPGP_KEY_KEPT_BYTES_MAX / 3 * 4 + 1024) <=
    ACCESS_LINE_LENGTH_MAX,
  "A line of OpenPGP keys fits",
);
