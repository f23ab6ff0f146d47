/**
 * Reading a segment from one end to the other, to learn what it holds.
 *
 * A scan trusts nothing: it verifies each record's head and payload. Where a record is broken it looks
 * for the next marker. What it found broken is torn (written, but never on stable storage, so
 * acknowledged to nobody) or damaged (was on stable storage). The difference shows in the records
 * behind: each says how much of the segment was on stable storage when it was written.
 *
 * @module
 */

import type { DiskFile } from "@gitstratum/core/disk";
import { align8 } from "./binary.ts";
import type { DamagedRange, PlacedRecord } from "./segment_catalogue.ts";
import {
  decodeRecordHead,
  peekHeadBytes,
  RECORD_FIXED_BYTES,
  type SegmentHeader,
  type StoredHead,
  verifyBlocks,
} from "./segment_format.ts";

const WINDOW_BYTES = 1024 * 1024;

/** What a scan found. */
export interface SegmentScan {
  readonly records: readonly PlacedRecord[];
  /** Runs of bytes that belong to no intact record, torn and damaged ones. */
  readonly broken: readonly DamagedRange[];
  /** Everything before this offset is known to have been on stable storage. */
  readonly durableBytes: number;
}

/** Scans a segment from the record boundary `from` to its end. */
export function scanSegment(file: DiskFile, header: SegmentHeader, from: number): SegmentScan {
  const window = new FileWindow(file);
  const end = file.size();
  const records: PlacedRecord[] = [];
  const broken: DamagedRange[] = [];
  let durableBytes = from;
  let at = from;
  while (at < end) {
    const record = readRecord(window, header, at);
    if (record !== undefined) {
      records.push({ ...record.head, offset: at });
      durableBytes = Math.max(durableBytes, record.head.durableBytes);
      at = record.next;
    } else {
      const next = findMarker(window, header, at + 8) ?? end;
      addBroken(broken, at, next);
      at = next;
    }
  }
  return { records, broken, durableBytes };
}

function addBroken(broken: DamagedRange[], offset: number, end: number): void {
  const last = broken.at(-1);
  if (last !== undefined && last.offset + last.bytes === offset) {
    broken[broken.length - 1] = { offset: last.offset, bytes: end - last.offset };
  } else broken.push({ offset, bytes: end - offset });
}

/** The intact record at `at`, and where the next one begins; undefined when there is none. */
function readRecord(
  window: FileWindow,
  header: SegmentHeader,
  at: number,
): { readonly head: StoredHead; readonly next: number } | undefined {
  const headBytes = peekHeadBytes(window.view(at, RECORD_FIXED_BYTES), header);
  if (headBytes === undefined) return undefined;
  const head = decodeRecordHead(window.view(at, headBytes).slice(), header);
  if (head === undefined) return undefined;
  const payloadAt = at + headBytes;
  const { blockBytes } = header;
  for (let from = 0; from < head.payloadBytes; from += blockBytes) {
    const length = Math.min(blockBytes, head.payloadBytes - from);
    const block = window.view(payloadAt + from, length);
    const firstBlock = from / blockBytes;
    const intact = block.length === length &&
      verifyBlocks(block, { checksums: head.blockChecksums, firstBlock, blockBytes });
    if (!intact) return undefined;
  }
  return { head, next: payloadAt + align8(head.payloadBytes) };
}

/** The first multiple of 8, not below `from`, where the segment's marker stands. */
function findMarker(window: FileWindow, header: SegmentHeader, from: number): number | undefined {
  const firstByte = Number(header.marker & 0xffn);
  let at = from;
  for (;;) {
    const bytes = window.view(at, WINDOW_BYTES);
    if (bytes.length < 8) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const last = bytes.length - 8;
    for (let index = bytes.indexOf(firstByte); index >= 0 && index <= last;) {
      const found = (at + index) % 8 === 0 && view.getBigUint64(index, true) === header.marker;
      if (found) return at + index;
      index = bytes.indexOf(firstByte, index + 1);
    }
    at += last - last % 8 + 8;
  }
}

/** Reads a file forwards through a buffer. */
class FileWindow {
  readonly #file: DiskFile;
  #buffer = new Uint8Array(WINDOW_BYTES);
  #start = 0;
  #length = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** `length` bytes at `offset`, fewer at the end of the file; valid until the next call. */
  view(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const held = offset >= this.#start && offset + length <= this.#start + this.#length;
    if (!held) this.#fill(offset, length);
    const from = offset - this.#start;
    return this.#buffer.subarray(from, Math.max(from, Math.min(from + length, this.#length)));
  }

  #fill(offset: number, length: number): void {
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    this.#start = offset;
    this.#length = this.#file.readAt(this.#buffer, offset);
  }
}
