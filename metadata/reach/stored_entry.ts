/**
 * Decoding of single stored pack entries.
 *
 * @module
 */

import { inflateSync } from "node:zlib";
import { GitStratumError } from "@gitstratum/core";

const OFFSET_DELTA = 6;
const REFERENCE_DELTA = 7;

/** An inflated entry. */
export interface StoredEntry {
  /** Whether the payload is a delta rather than the object. */
  readonly isDelta: boolean;
  readonly payload: Uint8Array;
}

/** Inflates an entry whose ids have `width` bytes. @throws `corrupt` */
export function decodeStoredEntry(bytes: Uint8Array, width: number): StoredEntry {
  let at = 0;
  let byte = bytes[at++]!;
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  for (let scale = 16; byte & 0x80; scale *= 128) {
    byte = bytes[at++]!;
    size += (byte & 0x7f) * scale;
  }
  if (type === OFFSET_DELTA) { while (bytes[at++]! & 0x80); }
  else if (type === REFERENCE_DELTA) at += width;
  const payload = inflateSync(bytes.subarray(at), { maxOutputLength: Math.max(1, size) });
  if (payload.length !== size) throw malformed("an entry inflates to another size");
  return { isDelta: type === OFFSET_DELTA || type === REFERENCE_DELTA, payload };
}

/** Applies a delta. @throws `corrupt` */
export function rebuild(base: Uint8Array, delta: Uint8Array): Uint8Array {
  const reader = { at: 0 };
  if (size(delta, reader) !== base.length) throw malformed("a delta is for another base");
  const result = new Uint8Array(size(delta, reader));
  let { at } = reader;
  let out = 0;
  while (at < delta.length) {
    const op = delta[at++]!;
    let from = delta;
    let start = at;
    let length = op;
    if (op & 0x80) {
      from = base;
      start = 0;
      length = 0;
      for (let bit = 0; bit < 4; bit++) if (op & (1 << bit)) start += delta[at++]! * 2 ** (8 * bit);
      for (let bit = 0; bit < 3; bit++) if (op & (16 << bit)) length |= delta[at++]! << (8 * bit);
      if (length === 0) length = 0x10000;
    } else at += length;
    if (length === 0 || start + length > from.length || out + length > result.length) {
      throw malformed("a delta leaves its bounds");
    }
    result.set(from.subarray(start, start + length), out);
    out += length;
  }
  if (out !== result.length) throw malformed("a delta is too short");
  return result;
}

function size(delta: Uint8Array, reader: { at: number }): number {
  let value = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = delta[reader.at++];
    if (byte === undefined) throw malformed("a delta is cut off");
    value += (byte & 0x7f) * scale;
    if ((byte & 0x80) === 0) return value;
  }
}

function malformed(reason: string): GitStratumError {
  return new GitStratumError("corrupt", "Reject a stored entry", { data: { reason } });
}
