/**
 * All segments of a store: the ones that are written, one for each lane, and the sealed ones.
 *
 * Lanes keep apart what would hinder each other: a sync of a few small records does not wait for
 * megabytes beside them, and records that compaction moves, likely to stay, do not mix with new ones.
 *
 * **Faults.** After a failed sync nothing more is written: the failure is told to the owner, who has to
 * stop the process and start again from what is on disk. What was on stable storage can still be read.
 *
 * @module
 */

import { assert, GitStratumError, type Random } from "@gitstratum/core";
import { type LocatedRecord, RecordIndex } from "./record_index.ts";
import type { Segment, SegmentDirectory } from "./segment_directory.ts";
import {
  BLOCK_BYTES,
  decodeRecordHead,
  type RecordHead,
  recordHeadBytes,
  type SegmentHeader,
  type StoredHead,
  verifyBlocks,
} from "./segment_format.ts";
import { SegmentWriter } from "./segment_writer.ts";

/** Where a record is appended. */
export type Lane = "small" | "large" | "moved";

/** What a {@link SegmentSet} needs. */
export interface SegmentSetOptions {
  readonly directory: SegmentDirectory;
  readonly random: Random;
  /** A segment is sealed rather than to grow beyond this. */
  readonly segmentBytes: number;
  /** Told once, when a sync failed. */
  readonly onFailure: (error: unknown) => void;
}

/** A start after a crash scans about this part of each segment that was written. */
const CHECKPOINT_PART = 1 / 8;
/** Reads up to this size pass through a buffer that is used again. */
const SCRATCH_BYTES = 4 * BLOCK_BYTES;

/** The segments of a store. */
export class SegmentSet {
  readonly directory: SegmentDirectory;
  /** Which records count. */
  readonly index: RecordIndex;
  readonly #options: SegmentSetOptions;
  readonly #segments = new Map<number, Segment>();
  readonly #writers = new Map<Lane, SegmentWriter>();
  readonly #sealings = new Set<Promise<void>>();
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  #nextSegment = 1;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;

  /** Makes a set without segments. */
  constructor(options: SegmentSetOptions) {
    this.directory = options.directory;
    this.index = new RecordIndex((segment) => this.segment(segment).header.blockBytes);
    this.#options = options;
  }

  /** Whether a sync failed. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** All segments in order of their numbers. */
  segments(): Segment[] {
    return [...this.#segments.values()].sort((a, b) => a.header.segment - b.header.segment);
  }

  /** A segment that is in the set. */
  segment(number: number): Segment {
    const segment = this.#segments.get(number);
    assert(segment !== undefined, "A record lies in a segment of the set");
    return segment;
  }

  /** Takes a segment that was found on disk into the set. */
  adopt(segment: Segment): void {
    this.#segments.set(segment.header.segment, segment);
    this.reserveNumber(segment.header.segment);
  }

  /** Makes sure that no new segment gets this number. */
  reserveNumber(segment: number): void {
    this.#nextSegment = Math.max(this.#nextSegment, segment + 1);
  }

  #checkWritable(): void {
    if (this.#closed) throw new GitStratumError("unavailable", "Refuse to write to a closed store");
    if (this.#failure === undefined) return;
    throw new GitStratumError("unavailable", "Refuse to write after a failed sync", {
      cause: this.#failure.error,
    });
  }

  /**
   * Appends a record: throws at once when that fails, otherwise returns a promise that resolves when
   * the record is on stable storage and counts.
   *
   * @throws `disk-full` when there is no room; nothing was appended
   * @throws `unavailable` after a failed sync; the promise, when the sync of the record fails
   */
  append(lane: Lane, record: RecordHead, payload: Uint8Array): Promise<void> {
    this.#checkWritable();
    const writer = this.#writerFor(lane, record);
    const offset = writer.append(record, payload);
    const number = writer.header.segment;
    const segment = this.segment(number);
    segment.bytes = writer.bytes;
    segment.unsettledCount++;
    if (record.kind === "put") this.index.addCopy(record.key);
    const settled = this.#watch(writer.commit())
      .then(() => this.index.apply({ ...record, segment: number, offset }))
      .finally(() => segment.unsettledCount--);
    // The owner of the set is told of a failure, so a caller that has given up already misses nothing.
    settled.catch(() => {});
    return settled;
  }

  #writerFor(lane: Lane, record: RecordHead): SegmentWriter {
    const current = this.#writers.get(lane);
    if (current?.hasRoomFor(record, this.#options.segmentBytes)) return current;
    const writer = this.#createWriter();
    if (current !== undefined) this.#seal(current);
    this.#writers.set(lane, writer);
    return writer;
  }

  #createWriter(): SegmentWriter {
    const segment = this.#nextSegment++;
    const header = { segment, blockBytes: BLOCK_BYTES, marker: newMarker(this.#options.random) };
    const writer = new SegmentWriter(this.directory, header, {
      checkpointBytes: this.#options.segmentBytes * CHECKPOINT_PART,
    });
    this.adopt({ header, bytes: writer.bytes, sealed: false, unsettledCount: 0, damagedBytes: 0 });
    return writer;
  }

  #seal(writer: SegmentWriter): void {
    const sealing = this.#watch(writer.seal()).then(
      () => {
        this.segment(writer.header.segment).sealed = true;
      },
      () => {
        // Told to the owner already; without a catalogue the segment is scanned at the next start.
      },
    ).finally(() => this.#sealings.delete(sealing));
    this.#sealings.add(sealing);
  }

  /** Makes a failure of `action` known: to the owner, and to everybody who wants to write. */
  async #watch(action: Promise<void>): Promise<void> {
    try {
      await action;
    } catch (error) {
      // A full disk loses nothing: a catalogue that could not be written is made again at the start.
      const harmless = error instanceof GitStratumError && error.code === "disk-full";
      if (!harmless && this.#failure === undefined) {
        this.#failure = { error };
        this.#options.onFailure(error);
      }
      throw error;
    }
  }

  /**
   * Reads a range of a record's payload, verified.
   *
   * @throws `corrupt` when the head or a block that the range touches fails its checksum
   */
  read(record: LocatedRecord, offset: number, length: number): Uint8Array<ArrayBuffer> {
    const { header } = this.segment(record.segment);
    const head = this.#readHead(record, header);
    if (length === 0) return new Uint8Array(0);
    const { blockBytes } = header;
    const firstBlock = Math.floor(offset / blockBytes);
    const start = firstBlock * blockBytes;
    const end = Math.min(
      Math.ceil((offset + length) / blockBytes) * blockBytes,
      record.payloadBytes,
    );
    const small = end - start <= SCRATCH_BYTES;
    const blocks = small ? this.#scratch.subarray(0, end - start) : new Uint8Array(end - start);
    const file = this.directory.reader(record.segment);
    const count = file.readAt(blocks, record.offset + head.headBytes + start);
    const intact = count === blocks.length &&
      verifyBlocks(blocks, { checksums: head.blockChecksums, firstBlock, blockBytes });
    if (!intact) throw corrupt(record);
    const from = offset - start;
    return small ? blocks.slice(from, from + length) : blocks.subarray(from, from + length);
  }

  #readHead(record: LocatedRecord, header: SegmentHeader): StoredHead {
    const headBytes = recordHeadBytes(
      {
        keyBytes: record.key.length,
        ownerBytes: record.owner.length,
        payloadBytes: record.payloadBytes,
      },
      header.blockBytes,
    );
    const bytes = new Uint8Array(headBytes);
    const count = this.directory.reader(record.segment).readAt(bytes, record.offset);
    const head = decodeRecordHead(bytes.subarray(0, count), header);
    const same = head !== undefined && head.key === record.key &&
      head.sequence === record.sequence && head.kind === record.kind &&
      head.payloadBytes === record.payloadBytes;
    if (!same) throw corrupt(record);
    return head;
  }

  /** Removes a sealed segment; durable when it resolves. */
  async remove(segment: number): Promise<void> {
    assert(this.segment(segment).sealed, "Only a sealed segment is removed");
    assert(this.index.livingBytes(segment) === 0, "Nothing counts in a segment that is removed");
    this.#segments.delete(segment);
    await this.#watch(this.directory.remove(segment));
  }

  /** Seals everything that is written and closes all files. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const writer of this.#writers.values()) {
      if (this.failed) writer.abandon();
      else this.#seal(writer);
    }
    this.#writers.clear();
    await Promise.all(this.#sealings);
    this.directory.close();
  }
}

/** Eight random bytes, the first of which is not zero: scans look for it. */
function newMarker(random: Random): bigint {
  const bytes = Uint8Array.from(random.bytes(8));
  if (bytes[0] === 0) bytes[0] = 0xa5;
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

function corrupt(record: LocatedRecord): GitStratumError {
  const { key, segment, offset } = record;
  return new GitStratumError("corrupt", "Find a record damaged", {
    data: { key, segment, offset },
  });
}
