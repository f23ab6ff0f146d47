/**
 * Object ids. In requests, records and logs an id is a branded lower-case hexadecimal string; in
 * bulk (indexes, link tables) ids are rows of a byte table and never become strings.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";

/** The hash function of a repository. */
export type ObjectFormat = "sha1" | "sha256";

/** All object formats. */
export const OBJECT_FORMATS = ["sha1", "sha256"] as const;

/** An object id in lower-case hexadecimal: 40 digits (sha1) or 64 (sha256). */
export type Oid = string & { readonly __brand: "Oid" };

/** Length of an id in bytes: 20 or 32. */
export function oidBytes(format: ObjectFormat): 20 | 32 {
  return format === "sha1" ? 20 : 32;
}

/** The id of no object: all zeros. In a reference update it stands for "absent". */
export function zeroOid(format: ObjectFormat): Oid {
  return "0".repeat(oidBytes(format) * 2) as Oid;
}

/** Whether `oid` is all zeros. */
export function isZeroOid(oid: Oid): boolean {
  return /^0+$/.test(oid);
}

/** Whether `text` is an id of the given format (of either, when none is given). */
export function isOid(text: string, format?: ObjectFormat): text is Oid {
  const digits = format === undefined ? undefined : oidBytes(format) * 2;
  if (digits === undefined ? text.length !== 40 && text.length !== 64 : text.length !== digits) {
    return false;
  }
  return /^[0-9a-f]+$/.test(text);
}

/**
 * Checks an id that comes from outside.
 *
 * @throws `invalid` when `text` is not an id of the format
 */
export function parseOid(text: string, format?: ObjectFormat): Oid {
  if (isOid(text, format)) return text;
  throw new GitStratumError("invalid", "Expect an object id", {
    data: { found: text.slice(0, 80), format },
  });
}

/** The id whose bytes stand at `offset` of `table`. */
export function oidFromBytes(table: Uint8Array, format: ObjectFormat, offset = 0): Oid {
  return table.subarray(offset, offset + oidBytes(format)).toHex() as Oid;
}

/** The 20 or 32 bytes of an id. */
export function oidToBytes(oid: Oid): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(oid);
}
