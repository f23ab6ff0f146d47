/**
 * Bytes of segments: the header of the file and the heads of its records (docs/formats/segment.md).
 *
 * A record's head carries the checksum of each block of its payload, so that reading a few bytes of a
 * large payload verifies only the blocks they stand in. It starts with the segment's marker, which is
 * drawn at random and told to nobody: bytes inside a payload can not pass for a record.
 *
 * Pure functions, no I/O.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import { checksum64 } from "./checksum.ts";
import { align8, getUint64, readAscii, setUint64, writeAscii } from "./binary.ts";

/** Bytes of a segment's header. */
export const SEGMENT_HEADER_BYTES = 32;
/** Version of the format that this code writes and reads. */
export const SEGMENT_VERSION = 1;
/** Bytes of a payload under one checksum, in segments written from now on. */
export const BLOCK_BYTES = 65536;
/** Bytes of the part of a record's head that comes before its key. */
export const RECORD_FIXED_BYTES = 40;
/** Longest key and longest owner in bytes: their length is one byte. */
export const NAME_BYTES_MAX = 255;
/** No record's payload is longer: a length above it is damage, and nothing is allocated for it. */
export const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

const MAGIC = 0x47535347; // "GSSG"
const BLOCK_BYTES_MIN = 4096;
const BLOCK_BYTES_LIMIT = 1024 * 1024;

/** What the header of a segment says. */
export interface SegmentHeader {
  /** Number of the segment, from 1. */
  readonly segment: number;
  /** Bytes of a payload under one checksum. */
  readonly blockBytes: number;
  /** Eight random bytes that begin each record. */
  readonly marker: bigint;
}

/** What a record does. */
export type RecordKind = "put" | "delete";

/** What a record says of its payload. */
export interface RecordHead {
  readonly kind: RecordKind;
  readonly key: string;
  readonly owner: string;
  /** Bytes of the payload. */
  readonly payloadBytes: number;
  /** Orders all records of a store: of two with one key the greater counts. */
  readonly sequence: number;
  /** Wall time of the first write in milliseconds. */
  readonly writtenAtMs: number;
}

/** A head as it stands in a segment. */
export interface StoredHead extends RecordHead {
  /** Everything in the segment before this offset was on stable storage when the record was written. */
  readonly durableBytes: number;
  /** Bytes of the head: the payload begins behind it. */
  readonly headBytes: number;
  /** The checksum of each block of the payload, 8 bytes each. Shares memory with what was parsed. */
  readonly blockChecksums: DataView;
}

/** Encodes a segment's header. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, SEGMENT_VERSION, true);
  view.setUint32(8, header.segment, true);
  view.setUint32(12, header.blockBytes, true);
  view.setBigUint64(16, header.marker, true);
  view.setBigUint64(24, checksum64(bytes.subarray(0, 24)), true);
  return bytes;
}

/** What was found where a segment's header should be. */
export type SegmentHeaderResult =
  | { readonly kind: "header"; readonly header: SegmentHeader }
  | { readonly kind: "damaged" }
  | { readonly kind: "unknown-version"; readonly version: number };

/** Decodes a segment's header. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeaderResult {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { kind: "damaged" };
  const view = viewOf(bytes);
  const intact = view.getUint32(0) === MAGIC &&
    view.getBigUint64(24, true) === checksum64(bytes.subarray(0, 24));
  if (!intact) return { kind: "damaged" };
  const version = view.getUint16(4, true);
  if (version !== SEGMENT_VERSION) return { kind: "unknown-version", version };
  const segment = view.getUint32(8, true);
  const blockBytes = view.getUint32(12, true);
  const sane = segment > 0 && blockBytes >= BLOCK_BYTES_MIN && blockBytes <= BLOCK_BYTES_LIMIT &&
    (blockBytes & (blockBytes - 1)) === 0;
  if (!sane) return { kind: "damaged" };
  return { kind: "header", header: { segment, blockBytes, marker: view.getBigUint64(16, true) } };
}

/** Sizes that decide a record's length. */
export interface RecordSizes {
  readonly keyBytes: number;
  readonly ownerBytes: number;
  readonly payloadBytes: number;
}

/** Bytes of a record's head. */
export function recordHeadBytes(sizes: RecordSizes, blockBytes: number): number {
  const blocks = Math.ceil(sizes.payloadBytes / blockBytes);
  return RECORD_FIXED_BYTES + align8(sizes.keyBytes + sizes.ownerBytes) + 8 * blocks + 8;
}

/** Bytes from the start of a record to the start of the next. */
export function recordBytes(sizes: RecordSizes, blockBytes: number): number {
  return recordHeadBytes(sizes, blockBytes) + align8(sizes.payloadBytes);
}

/** {@link recordBytes} of a head. */
export function recordBytesOf(head: RecordHead, blockBytes: number): number {
  return recordBytes(
    {
      keyBytes: head.key.length,
      ownerBytes: head.owner.length,
      payloadBytes: head.payloadBytes,
    },
    blockBytes,
  );
}

/**
 * Encodes the head of a record, with the checksums of its payload.
 *
 * @param target receives the head at its start
 * @returns bytes of the head
 */
export function encodeRecordHead(
  target: Uint8Array<ArrayBuffer>,
  record: RecordHead,
  options: {
    readonly header: SegmentHeader;
    readonly payload: Uint8Array;
    readonly durableBytes: number;
  },
): number {
  const { header, payload } = options;
  const { key, owner, payloadBytes } = record;
  assert(payload.length === payloadBytes, "A head tells its payload's length");
  assert(key.length <= NAME_BYTES_MAX && owner.length <= NAME_BYTES_MAX, "Names fit their bytes");
  const sizes = { keyBytes: key.length, ownerBytes: owner.length, payloadBytes };
  const headBytes = recordHeadBytes(sizes, header.blockBytes);
  const view = viewOf(target);
  target.fill(0, 0, headBytes);
  view.setBigUint64(0, header.marker, true);
  view.setUint8(8, KIND_CODES[record.kind]);
  view.setUint8(9, key.length);
  view.setUint8(10, owner.length);
  view.setUint32(12, payloadBytes, true);
  setUint64(view, 16, record.sequence);
  setUint64(view, 24, record.writtenAtMs);
  view.setUint32(32, options.durableBytes, true);
  view.setUint32(36, header.segment, true);
  writeAscii(target, RECORD_FIXED_BYTES, key);
  writeAscii(target, RECORD_FIXED_BYTES + key.length, owner);
  let at = RECORD_FIXED_BYTES + align8(key.length + owner.length);
  for (let from = 0; from < payloadBytes; from += header.blockBytes) {
    view.setBigUint64(at, checksum64(payload.subarray(from, from + header.blockBytes)), true);
    at += 8;
  }
  view.setBigUint64(at, checksum64(target.subarray(0, at)), true);
  return headBytes;
}

/**
 * How long the head is that begins with the given bytes, or undefined when no record begins there.
 *
 * @param bytes at least `RECORD_FIXED_BYTES`; fewer are no record
 */
export function peekHeadBytes(bytes: Uint8Array, header: SegmentHeader): number | undefined {
  if (bytes.length < RECORD_FIXED_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getBigUint64(0, true) !== header.marker) return undefined;
  if (KINDS[view.getUint8(8)] === undefined || view.getUint32(36, true) !== header.segment) {
    return undefined;
  }
  const payloadBytes = view.getUint32(12, true);
  if (payloadBytes > PAYLOAD_BYTES_MAX) return undefined;
  const sizes = { keyBytes: view.getUint8(9), ownerBytes: view.getUint8(10), payloadBytes };
  return recordHeadBytes(sizes, header.blockBytes);
}

/**
 * Decodes a head; undefined when it does not pass its checksum.
 *
 * @param bytes the head, as long as {@link peekHeadBytes} says
 */
export function decodeRecordHead(bytes: Uint8Array, header: SegmentHeader): StoredHead | undefined {
  const headBytes = peekHeadBytes(bytes, header);
  if (headBytes === undefined || bytes.length < headBytes) return undefined;
  const view = viewOf(bytes);
  const checksumAt = headBytes - 8;
  if (view.getBigUint64(checksumAt, true) !== checksum64(bytes.subarray(0, checksumAt))) {
    return undefined;
  }
  const keyBytes = view.getUint8(9);
  const ownerBytes = view.getUint8(10);
  const blocksAt = RECORD_FIXED_BYTES + align8(keyBytes + ownerBytes);
  return {
    kind: KINDS[view.getUint8(8)]!,
    key: readAscii(bytes, RECORD_FIXED_BYTES, keyBytes),
    owner: readAscii(bytes, RECORD_FIXED_BYTES + keyBytes, ownerBytes),
    payloadBytes: view.getUint32(12, true),
    sequence: getUint64(view, 16),
    writtenAtMs: getUint64(view, 24),
    durableBytes: view.getUint32(32, true),
    headBytes,
    blockChecksums: new DataView(bytes.buffer, bytes.byteOffset + blocksAt, checksumAt - blocksAt),
  };
}

/**
 * Whether blocks of a payload pass their checksums.
 *
 * @param blocks whole blocks (the payload's last may be short), the first of which is `firstBlock`
 */
export function verifyBlocks(
  blocks: Uint8Array,
  options: {
    readonly checksums: DataView;
    readonly firstBlock: number;
    readonly blockBytes: number;
  },
): boolean {
  const { checksums, blockBytes } = options;
  let at = options.firstBlock * 8;
  for (let from = 0; from < blocks.length; from += blockBytes) {
    const found = checksum64(blocks.subarray(from, from + blockBytes));
    if (found !== checksums.getBigUint64(at, true)) return false;
    at += 8;
  }
  return true;
}

/** Numbers of the kinds of record. */
export const KIND_CODES: Readonly<Record<RecordKind, number>> = { put: 1, delete: 2 };
const KINDS: readonly (RecordKind | undefined)[] = [undefined, "put", "delete"];

/** The kind with the given number. */
export function recordKindOf(code: number): RecordKind | undefined {
  return KINDS[code];
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
