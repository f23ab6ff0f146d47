/**
 * Unsigned variable-length integers: seven bits a byte, lowest first, top bit set on all but the last.
 * Values reach `Number.MAX_SAFE_INTEGER`, so arithmetic replaces shifts above 32 bits.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";

/** Longest encoding of a safe integer in bytes. */
export const VARINT_BYTES_MAX = 8;

/**
 * Writes `value` at `offset` of `target`, which has room for {@link VARINT_BYTES_MAX} bytes.
 *
 * @returns the offset behind it
 */
export function writeVarint(target: Uint8Array, value: number, offset: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "A varint is a safe non-negative integer");
  let position = offset;
  let rest = value;
  while (rest >= 0x80) {
    target[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[position++] = rest;
  return position;
}

/** A cursor over bytes that reads varints. */
export interface VarintCursor {
  readonly bytes: Uint8Array;
  /** Offset of the next byte to read; moves behind each value read. */
  offset: number;
}

/**
 * Reads a value at the cursor and moves it.
 *
 * @returns undefined, with the cursor unmoved, when the bytes end inside the value
 * @throws `corrupt` when the value is not a safe integer or is longer than it has to be
 */
export function readVarint(cursor: VarintCursor): number | undefined {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < VARINT_BYTES_MAX; count++) {
    const byte = cursor.bytes[cursor.offset + count];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value) || (byte === 0 && count > 0)) break;
      cursor.offset += count + 1;
      return value;
    }
  }
  throw new GitStratumError("corrupt", "Reject a malformed varint", {
    data: { offset: cursor.offset },
  });
}
