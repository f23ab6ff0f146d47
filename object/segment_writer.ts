/**
 * Appending to one segment, with group commit.
 *
 * Appends are synchronous writes into the page cache: they follow each other in the one thread there
 * is, so records never interleave. A commit resolves when everything appended before it is on stable
 * storage; all commits asked for while one sync runs share the next.
 *
 * **Faults.** An append that fails for lack of room leaves the segment as it was. A failed sync is
 * final: what it covered is unknown, so every commit fails from then on, and the owner has to stop.
 *
 * @module
 */

import { assert, GitStratumError, hasCode } from "@gitstratum/core";
import type { DiskFile } from "@gitstratum/core/disk";
import { align8 } from "./binary.ts";
import { CatalogueBuilder, type CatalogueMark } from "./segment_catalogue.ts";
import type { SegmentDirectory } from "./segment_directory.ts";
import {
  encodeRecordHead,
  encodeSegmentHeader,
  recordBytesOf,
  type RecordHead,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./segment_format.ts";

/** A head and a payload up to this size are written in one piece. */
const JOINED_BYTES_MAX = 65536;
/** Longest head: the largest payload over the smallest block, and two names. */
const HEAD_BYTES_MAX = 256 * 1024;

const scratch = new Uint8Array(HEAD_BYTES_MAX + JOINED_BYTES_MAX);

/** A catalogue is worth writing while this many rows are new, and no fewer than are old. */
const CHECKPOINT_ROW_COUNT = 10_000;

/** The one writer of a segment. */
export class SegmentWriter {
  readonly header: SegmentHeader;
  readonly #directory: SegmentDirectory;
  readonly #file: DiskFile;
  readonly #catalogue: CatalogueBuilder;
  readonly #nameDurable: Promise<void>;
  readonly #checkpointBytes: number;
  #checkpoint: { readonly bytes: number; readonly rowCount: number } = { bytes: 0, rowCount: 0 };
  #checkpointing: Promise<void> | undefined;
  #end = SEGMENT_HEADER_BYTES;
  #durable = SEGMENT_HEADER_BYTES;
  #next: PromiseWithResolvers<void> | undefined;
  #syncing = false;
  #sealed = false;
  #failure: unknown;

  /**
   * Creates a segment and its writer, which writes a catalogue whenever the segment has grown by
   * `checkpointBytes`, so that a start after a crash has only the rest to scan.
   *
   * @throws `disk-full`
   */
  constructor(
    directory: SegmentDirectory,
    header: SegmentHeader,
    options: { readonly checkpointBytes: number },
  ) {
    this.header = header;
    this.#checkpointBytes = options.checkpointBytes;
    this.#directory = directory;
    this.#catalogue = new CatalogueBuilder(header);
    this.#file = directory.create(header.segment);
    try {
      this.#file.writeAt(encodeSegmentHeader(header), 0);
    } catch (error) {
      this.#file.close();
      directory.discard(header.segment);
      throw error;
    }
    this.#nameDurable = directory.syncNames();
    // A failure is met by whoever commits first; it must not count as unhandled before that.
    this.#nameDurable.catch(() => {});
  }

  /** Length of the segment in bytes. */
  get bytes(): number {
    return this.#end;
  }

  /** Whether a record still fits below `bytesMax`; the first record of a segment always does. */
  hasRoomFor(record: RecordHead, bytesMax: number): boolean {
    if (this.#end === SEGMENT_HEADER_BYTES) return true;
    return this.#end + recordBytesOf(record, this.header.blockBytes) <= bytesMax;
  }

  /**
   * Appends a record; durable with the next commit.
   *
   * @returns offset of the record
   * @throws `disk-full`; the segment is as it was before
   */
  append(record: RecordHead, payload: Uint8Array): number {
    assert(!this.#sealed, "A sealed segment is not written");
    const offset = this.#end;
    const headBytes = encodeRecordHead(scratch, record, {
      header: this.header,
      payload,
      durableBytes: this.#durable,
    });
    try {
      this.#write(offset, headBytes, payload);
    } catch (error) {
      this.#cut(offset);
      throw error;
    }
    this.#end = offset + headBytes + align8(payload.length);
    this.#catalogue.addRecord({ ...record, offset });
    return offset;
  }

  #write(offset: number, headBytes: number, payload: Uint8Array): void {
    if (payload.length <= JOINED_BYTES_MAX) {
      scratch.set(payload, headBytes);
      this.#file.writeAt(scratch.subarray(0, headBytes + payload.length), offset);
    } else {
      this.#file.writeAt(scratch.subarray(0, headBytes), offset);
      this.#file.writeAt(payload, offset + headBytes);
    }
  }

  #cut(offset: number): void {
    try {
      this.#file.truncate(offset);
    } catch (error) {
      // The remains are harmless: they are no intact record, and the next record overwrites them.
      if (!(error instanceof GitStratumError)) throw error;
    }
  }

  /**
   * Resolves once everything appended so far is on stable storage.
   *
   * @throws `unavailable` when that is unknown, now and for ever
   */
  commit(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(unknownOutcome(this.#failure));
    if (this.#durable === this.#end) return Promise.resolve();
    this.#next ??= Promise.withResolvers();
    const { promise } = this.#next;
    if (!this.#syncing) void this.#syncUntilIdle();
    return promise;
  }

  async #syncUntilIdle(): Promise<void> {
    this.#syncing = true;
    while (this.#next !== undefined) {
      // Whoever appends in the same turn shall be served by the same sync.
      await null;
      const group = this.#next;
      this.#next = undefined;
      try {
        await this.#sync();
        group.resolve();
      } catch (error) {
        this.#failure = error;
        group.reject(unknownOutcome(error));
        const later = this.#next as PromiseWithResolvers<void> | undefined;
        later?.reject(unknownOutcome(error));
        this.#next = undefined;
      }
    }
    this.#syncing = false;
  }

  async #sync(): Promise<void> {
    const end = this.#end;
    const mark = this.#catalogue.mark();
    await Promise.all([this.#nameDurable, this.#file.syncData()]);
    this.#durable = end;
    if (this.#isCheckpointDue(mark)) this.#checkpointing = this.#writeCheckpoint(end, mark);
  }

  #isCheckpointDue(mark: CatalogueMark): boolean {
    if (this.#sealed || this.#checkpointing !== undefined) return false;
    const rowsDue = Math.max(CHECKPOINT_ROW_COUNT, this.#checkpoint.rowCount);
    return this.#durable - this.#checkpoint.bytes >= this.#checkpointBytes ||
      mark.rowCount - this.#checkpoint.rowCount >= rowsDue;
  }

  async #writeCheckpoint(bytes: number, mark: CatalogueMark): Promise<void> {
    this.#checkpoint = { bytes, rowCount: mark.rowCount };
    try {
      const catalogue = this.#catalogue.encode(bytes, mark);
      await this.#directory.writeCatalogue(this.header.segment, catalogue);
    } catch (error) {
      // Without room for it there is more to scan; anything else is met again, by the next commit.
      if (!hasCode(error, "disk-full")) this.#failure ??= error;
    } finally {
      this.#checkpointing = undefined;
    }
  }

  /** Commits, writes the catalogue and releases the file. Nothing is appended any more. */
  async seal(): Promise<void> {
    this.#sealed = true;
    try {
      await this.#checkpointing;
      await this.commit();
      await this.#nameDurable;
    } finally {
      this.#file.close();
    }
    await this.#directory.writeCatalogue(
      this.header.segment,
      this.#catalogue.encode(this.#end),
    );
  }

  /** Releases the file without a commit, after a failure. */
  abandon(): void {
    if (this.#sealed) return;
    this.#sealed = true;
    this.#file.close();
  }
}

function unknownOutcome(cause: unknown): GitStratumError {
  return new GitStratumError("unavailable", "Reach stable storage", { cause });
}
