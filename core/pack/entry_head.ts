/**
 * The head of a pack entry (gitformat-pack): what stands in front of its zlib stream, that is type and
 * size, and for deltas the base.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";
import { type ObjectFormat, type Oid, oidBytes, oidFromBytes, oidToBytes } from "../git/oid.ts";

/** Type number of an entry that is a delta against an earlier entry of the same pack. */
export const OFS_DELTA = 6;
/** Type number of an entry that is a delta against an object named by its id. */
export const REF_DELTA = 7;

/** Most bytes of a type and size: 4 + 7 × 8 bits are more than any number here has. */
const SIZE_DIGITS_MAX = 9;
/** Most bytes of a distance. */
const DISTANCE_DIGITS_MAX = 8;
/** Longest head: a size, then a distance or a 32-byte id. */
export const ENTRY_HEAD_BYTES_MAX: number = SIZE_DIGITS_MAX + 32;

/** A parsed head. */
export interface EntryHead {
  /** 1 to 4 as object types, {@link OFS_DELTA}, {@link REF_DELTA}. */
  readonly typeCode: number;
  /** Bytes of the inflated zlib stream: the object's, or the delta's. */
  readonly size: number;
  /** Distance back to the base's entry in bytes, or its id; absent on whole objects. */
  readonly base?: number | Oid;
}

/** How a reading of a head ended. */
export type EntryHeadStatus = "ok" | "needs-input" | "malformed";

/** Reads heads one after the other without an allocation; the fields are those of the last one. */
export class EntryHeadReader {
  /** See {@link EntryHead.typeCode}. */
  typeCode = 0;
  /** See {@link EntryHead.size}. */
  size = 0;
  /** Distance back to the base in bytes, of an offset delta. */
  distance = 0;
  /** Bytes of the head; an id of a reference delta is the last part of it. */
  headBytes = 0;

  readonly #width: number;

  /** Makes a reader for packs whose ids have `width` bytes. */
  constructor(width: number) {
    this.#width = width;
  }

  /** Reads the head at `start`; bytes from `end` on are not there yet. */
  read(bytes: Uint8Array, start: number, end: number): EntryHeadStatus {
    if (start >= end) return "needs-input";
    let at = start;
    let byte = bytes[at++]!;
    this.typeCode = (byte >> 4) & 7;
    let size = byte & 15;
    for (let unit = 16; byte & 0x80; unit *= 128) {
      if (at - start >= SIZE_DIGITS_MAX) return "malformed";
      if (at >= end) return "needs-input";
      byte = bytes[at++]!;
      size += (byte & 0x7f) * unit;
    }
    if (this.typeCode === 0 || this.typeCode === 5 || size > Number.MAX_SAFE_INTEGER) {
      return "malformed";
    }
    this.size = size;
    this.distance = 0;
    this.headBytes = at - start;
    if (this.typeCode === OFS_DELTA) return this.#readDistance(bytes, start, end);
    if (this.typeCode === REF_DELTA) this.headBytes += this.#width;
    return start + this.headBytes > end ? "needs-input" : "ok";
  }

  #readDistance(bytes: Uint8Array, start: number, end: number): EntryHeadStatus {
    let at = start + this.headBytes;
    if (at >= end) return "needs-input";
    let byte = bytes[at++]!;
    let distance = byte & 0x7f;
    for (let digits = 1; byte & 0x80; digits++) {
      if (digits >= DISTANCE_DIGITS_MAX) return "malformed";
      if (at >= end) return "needs-input";
      byte = bytes[at++]!;
      distance = (distance + 1) * 128 + (byte & 0x7f);
    }
    if (distance > Number.MAX_SAFE_INTEGER) return "malformed";
    this.distance = distance;
    this.headBytes = at - start;
    return "ok";
  }
}

/**
 * Parses the head at the start of a stored entry.
 *
 * @throws `corrupt` when it is cut off or no head
 */
export function parseEntryHead(
  bytes: Uint8Array,
  format: ObjectFormat,
): EntryHead & { readonly headBytes: number } {
  const reader = new EntryHeadReader(oidBytes(format));
  const status = reader.read(bytes, 0, bytes.length);
  if (status !== "ok") {
    throw new GitStratumError("corrupt", "Read a broken pack entry", { data: { status } });
  }
  const { typeCode, size, headBytes } = reader;
  if (typeCode === OFS_DELTA) return { typeCode, size, headBytes, base: reader.distance };
  if (typeCode !== REF_DELTA) return { typeCode, size, headBytes };
  const base = oidFromBytes(bytes, format, headBytes - oidBytes(format));
  return { typeCode, size, headBytes, base };
}

/** Encodes a head. */
export function encodeEntryHead(head: EntryHead): Uint8Array<ArrayBuffer> {
  assert(Number.isSafeInteger(head.size) && head.size >= 0, "An entry has a size");
  const bytes: number[] = [];
  let rest = Math.floor(head.size / 16);
  bytes.push((head.typeCode << 4) | (head.size % 16) | (rest > 0 ? 0x80 : 0));
  while (rest > 0) {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(digit | (rest > 0 ? 0x80 : 0));
  }
  if (typeof head.base === "number") bytes.push(...distanceDigits(head.base));
  else if (head.base !== undefined) bytes.push(...oidToBytes(head.base));
  return Uint8Array.from(bytes);
}

function distanceDigits(distance: number): number[] {
  assert(Number.isSafeInteger(distance) && distance > 0, "A base stands before its delta");
  const digits = [distance % 128];
  for (let rest = Math.floor(distance / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest -= 1;
    digits.unshift(0x80 | (rest % 128));
  }
  return digits;
}

/** Bytes that the distance to a base takes in a head. */
export function distanceBytes(distance: number): number {
  let bytes = 1;
  for (let rest = Math.floor(distance / 128); rest > 0; rest = Math.floor((rest - 1) / 128)) {
    bytes++;
  }
  return bytes;
}

/**
 * The start of a stored delta entry with another base: an offset delta for a number, a reference
 * delta for an id. What follows the old head comes along.
 *
 * @throws `corrupt` when the entry is no delta
 */
export function rebasedHead(
  stored: Uint8Array,
  base: number | Oid,
  format: ObjectFormat,
): Uint8Array<ArrayBuffer> {
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
