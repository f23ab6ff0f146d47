/**
 * Values in bodies of the API that several operations share: times, labels, public keys.
 *
 * @module
 */

import { z } from "zod";
import {
  ACCESS_LABEL_LENGTH_MAX,
  OPENPGP_KEY_LENGTH_MAX,
  SSH_PUBLIC_KEY_LENGTH_MAX,
} from "@gitstratum/core";

/** A wall time; in milliseconds since the epoch once it is read. */
export const time: z.ZodType<number, string> = z.iso.datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .describe("RFC 3339, `2030-01-31T12:00:00Z`");

/** A public key in its line. */
export const sshKeyLine: z.ZodType<string, string> = z.string().max(SSH_PUBLIC_KEY_LENGTH_MAX)
  .describe("One line as `ssh-keygen` writes it");

/** What people call a token or a key. */
export const recordLabel: z.ZodType<string, string> = z.string().max(ACCESS_LABEL_LENGTH_MAX)
  .describe("What people call it: one line of printable characters");

/** An OpenPGP public key. */
export const openPgpKeyText: z.ZodType<string, string> = z.string().max(OPENPGP_KEY_LENGTH_MAX)
  .describe("The public key as `gpg --armor --export-options export-minimal --export` writes it");

/** A wall time as it is shown. */
export function shownTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** The times of something that may end, and may not begin at once, as they are shown. */
export function shownPeriod(
  held: {
    readonly createdAtMs: number;
    readonly notBeforeMs?: number | undefined;
    readonly expiresAtMs?: number;
  },
): { createdAt: string; notBefore?: string; expiresAt?: string } {
  return {
    createdAt: shownTime(held.createdAtMs),
    ...(held.notBeforeMs === undefined ? {} : { notBefore: shownTime(held.notBeforeMs) }),
    ...(held.expiresAtMs === undefined ? {} : { expiresAt: shownTime(held.expiresAtMs) }),
  };
}
