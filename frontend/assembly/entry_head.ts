/**
 * The bytes in front of a pack entry's zlib stream (gitformat-pack): type and size, and for deltas
 * the base.
 *
 * @module
 */

import { assert, GitStratumError } from "@gitstratum/core";
import {
  type ObjectFormat,
  type Oid,
  oidBytes,
  oidFromBytes,
  oidToBytes,
} from "@gitstratum/core/git";

/** Type numbers of the two kinds of delta. */
export const OFS_DELTA = 6;
/** See {@link OFS_DELTA}. */
export const REF_DELTA = 7;

/** Longest head: ten bytes of size, then an offset or a 32-byte id. */
export const ENTRY_HEAD_BYTES_MAX = 10 + 32;

/** A parsed head. */
export interface EntryHead {
  /** 1 to 4 as object types, 6 and 7 for deltas. */
  readonly typeCode: number;
  /** Bytes of the inflated zlib stream: the object's, or the delta's. */
  readonly size: number;
  /** Distance back to the base's entry in bytes, or its id; absent on whole objects. */
  readonly base?: number | Oid;
}

function broken(): GitStratumError {
  return new GitStratumError("corrupt", "Read a broken pack entry");
}

function readOffset(bytes: Uint8Array, start: number): { value: number; end: number } {
  let at = start;
  let byte = bytes[at++] ?? 0x80;
  let value = byte & 0x7f;
  while (byte & 0x80) {
    if (at >= bytes.length || at - start > 8) throw broken();
    byte = bytes[at++]!;
    value = (value + 1) * 128 + (byte & 0x7f);
  }
  return { value, end: at };
}

/**
 * Parses the head at the start of an entry.
 *
 * @throws `corrupt`
 */
export function parseEntryHead(
  bytes: Uint8Array,
  format: ObjectFormat,
): EntryHead & { readonly headBytes: number } {
  let at = 0;
  let byte = bytes[at++] ?? 0x80;
  const typeCode = (byte >> 4) & 7;
  let size = byte & 15;
  for (let unit = 16; byte & 0x80; unit *= 128) {
    if (at >= bytes.length || at > 9) throw broken();
    byte = bytes[at++]!;
    size += (byte & 0x7f) * unit;
  }
  if (typeCode === 0 || typeCode === 5) throw broken();
  if (typeCode === OFS_DELTA) {
    const { value, end } = readOffset(bytes, at);
    return { typeCode, size, base: value, headBytes: end };
  }
  if (typeCode !== REF_DELTA) return { typeCode, size, headBytes: at };
  const end = at + oidBytes(format);
  if (end > bytes.length) throw broken();
  return { typeCode, size, base: oidFromBytes(bytes, format, at), headBytes: end };
}

function offsetDigits(distance: number): number[] {
  const digits = [distance % 128];
  for (let rest = Math.floor(distance / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest -= 1;
    digits.unshift(0x80 | (rest % 128));
  }
  return digits;
}

/** Writes a head. */
export function encodeEntryHead(head: EntryHead): Uint8Array<ArrayBuffer> {
  assert(head.size >= 0 && Number.isSafeInteger(head.size), "An entry has a size");
  const bytes: number[] = [];
  let rest = Math.floor(head.size / 16);
  bytes.push((head.typeCode << 4) | (head.size % 16) | (rest > 0 ? 0x80 : 0));
  while (rest > 0) {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(digit | (rest > 0 ? 0x80 : 0));
  }
  if (typeof head.base === "number") bytes.push(...offsetDigits(head.base));
  else if (head.base !== undefined) bytes.push(...oidToBytes(head.base));
  return new Uint8Array(bytes);
}

/**
 * The start of a stored delta entry with another base: an offset delta for a number, a reference
 * delta for an id. What follows the old head comes along.
 */
export function rebasedHead(
  stored: Uint8Array,
  base: number | Oid,
  format: ObjectFormat,
): Uint8Array {
  const { typeCode, size, headBytes } = parseEntryHead(stored, format);
  if (typeCode !== OFS_DELTA && typeCode !== REF_DELTA) {
    throw new GitStratumError("corrupt", "Expect a delta entry to rebase", { data: { typeCode } });
  }
  const head = encodeEntryHead({
    typeCode: typeof base === "number" ? OFS_DELTA : REF_DELTA,
    size,
    base,
  });
  const joined = new Uint8Array(head.length + stored.length - headBytes);
  joined.set(head);
  joined.set(stored.subarray(headBytes), head.length);
  return joined;
}
