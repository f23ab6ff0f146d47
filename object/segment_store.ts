/**
 * The segment store: immutable byte strings under keys, durable when a write resolves.
 *
 * It knows neither Git nor the network: keys and owners are printable ASCII strings. One process has a
 * store open at a time. Writes of many callers share syncs; reads are verified against checksums.
 *
 * **Invariants.** A key has one content until it is removed. What `put` or `remove` resolved survives
 * any crash. Nothing is served that fails its checksum. A record is visible only once it is durable.
 *
 * **Fault model.** That of `@gitstratum/core/disk`, and bytes on disk that change on their own: these
 * are found by reads and by scrubbing, reported, and never served, moved or silently dropped. After a
 * failed sync the store refuses to write; the process has to stop and open it again.
 *
 * @module
 */

import { assert, type Clock, GitStratumError, hasCode, type Random } from "@gitstratum/core";
import type { Disk, DiskLock } from "@gitstratum/core/disk";
import { isPrintableAscii } from "./binary.ts";
import { type CompactionOptions, type CompactionResult, compactStore } from "./compaction.ts";
import type { LocatedRecord, RecordIndex } from "./record_index.ts";
import { recover, type RecoveryReport } from "./recovery.ts";
import { type ScrubOptions, type ScrubResult, scrubStore } from "./scrub.ts";
import { SegmentDirectory } from "./segment_directory.ts";
import { NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, type RecordKind } from "./segment_format.ts";
import { SegmentSet } from "./segment_set.ts";

/** What a store needs. */
export interface SegmentStoreOptions {
  /** The directory that belongs to the store. */
  readonly disk: Disk;
  /** Time of writes, and pace of upkeep. */
  readonly clock: Clock;
  /** Markers of segments: nobody outside may foresee them. */
  readonly random: Random;
  /** A segment is sealed rather than to grow beyond this; below 4 GiB. */
  readonly segmentBytes?: number;
  /** Told once when a sync failed: the process has to stop. */
  readonly onFailure?: (error: unknown) => void;
}

/** Something to be stored. */
export interface StoreWrite {
  /** 1 to 255 printable ASCII characters. */
  readonly key: string;
  /** Up to 255 printable ASCII characters; says to whom the key belongs. */
  readonly owner: string;
  /** Not to be changed until the write resolves. */
  readonly bytes: Uint8Array;
}

/** What is known of a stored key. */
export interface StoredInfo {
  /** The key itself. */
  readonly key: string;
  /** As it was given with the write. */
  readonly owner: string;
  /** Length in bytes. */
  readonly bytes: number;
  /** Wall time of the write in milliseconds. */
  readonly writtenAtMs: number;
}

/** Figures of a store. */
export interface StoreStats {
  /** Keys that something is stored under. */
  readonly keyCount: number;
  /** Bytes stored under all keys. */
  readonly keyBytes: number;
  /** Deletes that are kept because an older record of their key is still on disk. */
  readonly deleteCount: number;
  /** Segment files, the written ones included. */
  readonly segmentCount: number;
  /** Bytes of all segment files. */
  readonly diskBytes: number;
  /** Bytes of records that compaction would give back. */
  readonly deadBytes: number;
  /** Bytes that were lost to damage. */
  readonly damagedBytes: number;
  /** Keys whose content is known to be damaged. */
  readonly corruptKeyCount: number;
  /** A sync failed: nothing is written any more. */
  readonly failed: boolean;
}

interface Pending {
  readonly bytes: Uint8Array;
  readonly done: Promise<void>;
}

/** Grows to this before it is sealed: large enough to be few, small enough to be compacted at once. */
const SEGMENT_BYTES = 256 * 1024 * 1024;
/** Records above this are kept apart, so that syncs of small ones do not wait for them. */
const SMALL_BYTES_MAX = 256 * 1024;
const LOCK_PATH = "lock";

/** A store of byte strings in append-only segments. */
export class SegmentStore {
  /** What opening the store found. */
  readonly report: RecoveryReport;
  readonly #set: SegmentSet;
  readonly #index: RecordIndex;
  readonly #clock: Clock;
  readonly #lock: DiskLock;
  readonly #segmentBytes: number;
  readonly #pending = new Map<string, Pending>();
  readonly #corrupt = new Set<string>();
  #sequence: number;
  #compacting: Promise<CompactionResult> | undefined;
  readonly #stop = new AbortController();

  /**
   * Opens the store on a disk, of which it uses `segments/` and `lock`; makes an empty one.
   *
   * @throws `denied` when another process has it open
   * @throws `unsupported` when a newer version wrote it
   */
  static async open(options: SegmentStoreOptions): Promise<SegmentStore> {
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    assert(segmentBytes < 2 ** 32 - PAYLOAD_BYTES_MAX * 2, "Offsets in a segment fit 32 bits");
    const lock = options.disk.lock(LOCK_PATH);
    try {
      const directory = new SegmentDirectory(options.disk);
      await directory.prepare();
      const set = new SegmentSet({
        directory,
        random: options.random,
        segmentBytes,
        onFailure: options.onFailure ?? (() => {}),
      });
      const recovered = await recover(set);
      return new SegmentStore({ ...options, ...recovered, lock, set, segmentBytes });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(parts: {
    readonly set: SegmentSet;
    readonly clock: Clock;
    readonly lock: DiskLock;
    readonly segmentBytes: number;
    readonly report: RecoveryReport;
    readonly lastSequence: number;
  }) {
    this.#set = parts.set;
    this.#index = parts.set.index;
    this.#clock = parts.clock;
    this.#lock = parts.lock;
    this.#segmentBytes = parts.segmentBytes;
    this.#sequence = parts.lastSequence;
    this.report = parts.report;
  }

  /**
   * Stores byte strings; each is on stable storage when it resolves. The same bytes under the same key
   * again are no error. When it rejects, any of them may have been stored.
   *
   * @throws `conflict` when a key exists with other bytes
   * @throws `disk-full` when there is no room
   * @throws `unavailable` when a sync failed: the outcome is unknown
   */
  async put(writes: readonly StoreWrite[]): Promise<void> {
    for (const write of writes) checkWrite(write);
    const done: Promise<void>[] = [];
    try {
      for (const write of writes) done.push(this.#putOne(write));
    } finally {
      // What was appended before another one failed is committed and becomes visible all the same,
      // so that index and disk never differ.
      const outcomes = await Promise.allSettled(done);
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      // deno-lint-ignore no-unsafe-finally -- a failed commit outweighs whatever came before it
      if (failed !== undefined) throw failed.reason;
    }
  }

  #putOne(write: StoreWrite): Promise<void> {
    const pending = this.#pending.get(write.key);
    if (pending !== undefined) {
      if (equalBytes(pending.bytes, write.bytes)) return pending.done;
      throw conflict(write.key);
    }
    const found = this.#index.find(write.key);
    if (found !== undefined && this.#isIntactCopy(found, write.bytes)) return Promise.resolve();
    const done = this.#finishPut(write.key, this.#append("put", write));
    this.#pending.set(write.key, { bytes: write.bytes, done });
    return done;
  }

  async #finishPut(key: string, appended: Promise<void>): Promise<void> {
    try {
      await appended;
      this.#corrupt.delete(key);
    } finally {
      this.#pending.delete(key);
    }
  }

  /** Whether a record holds these bytes; false when it is damaged, so that they replace it. */
  #isIntactCopy(record: LocatedRecord, bytes: Uint8Array): boolean {
    if (record.payloadBytes !== bytes.length) throw conflict(record.key);
    try {
      const found = this.#set.read(record, 0, record.payloadBytes);
      if (equalBytes(found, bytes)) return true;
    } catch (error) {
      if (!hasCode(error, "corrupt")) throw error;
      this.#noteCorrupt(record);
      return false;
    }
    throw conflict(record.key);
  }

  #append(kind: RecordKind, { key, owner, bytes }: StoreWrite): Promise<void> {
    const lane = bytes.length <= SMALL_BYTES_MAX ? "small" : "large";
    const head = {
      kind,
      key,
      owner,
      payloadBytes: bytes.length,
      sequence: this.#sequence + 1,
      writtenAtMs: Math.max(0, Math.floor(this.#clock.nowMs())),
    };
    const appended = this.#set.append(lane, head, bytes);
    this.#sequence++;
    return appended;
  }

  /**
   * Reads a range of what is stored under a key. Synchronous: the range is read and verified before
   * anything else happens.
   *
   * @throws `not-found` when there is no such key
   * @throws `invalid` when the range leaves what is stored
   * @throws `corrupt` when it fails its checksum
   */
  read(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): Uint8Array<ArrayBuffer> {
    const record = this.#index.find(key);
    if (record === undefined) {
      throw new GitStratumError("not-found", "Find nothing under a key", { data: { key } });
    }
    const { offset, length } = range ?? { offset: 0, length: record.payloadBytes };
    const sane = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 &&
      length >= 0 && offset + length <= record.payloadBytes;
    if (!sane) {
      throw new GitStratumError("invalid", "Read outside what is stored", {
        data: { key, offset, length, bytes: record.payloadBytes },
      });
    }
    try {
      return this.#set.read(record, offset, length);
    } catch (error) {
      if (hasCode(error, "corrupt")) this.#noteCorrupt(record);
      throw error;
    }
  }

  #noteCorrupt(record: LocatedRecord): void {
    if (this.#corrupt.has(record.key)) return;
    this.#corrupt.add(record.key);
    this.#set.segment(record.segment).damagedBytes += record.payloadBytes;
  }

  /** What is known of a key; undefined when nothing is stored under it. */
  stat(key: string): StoredInfo | undefined {
    const record = this.#index.find(key);
    return record === undefined ? undefined : infoOf(record);
  }

  /**
   * Removes keys; absent ones are no error. Durable when it resolves: they never come back.
   *
   * @throws `disk-full` when there is no room to write the removals down
   * @throws `unavailable` when a sync failed: the outcome is unknown
   */
  async remove(keys: readonly string[]): Promise<void> {
    await Promise.allSettled(keys.map((key) => this.#pending.get(key)?.done));
    const done: Promise<void>[] = [];
    try {
      for (const key of new Set(keys)) {
        const record = this.#index.find(key);
        if (record !== undefined) done.push(this.#commitRemove(record));
      }
    } finally {
      await Promise.all(done);
    }
  }

  #commitRemove({ key, owner }: LocatedRecord): Promise<void> {
    const appended = this.#append("delete", { key, owner, bytes: new Uint8Array(0) });
    return appended.then(() => void this.#corrupt.delete(key));
  }

  /** Keys in order, from the first greater than `after`; at most `limit`. */
  list(options: { readonly after?: string; readonly limit: number }): StoredInfo[] {
    return this.#index.list(options.after ?? "", options.limit).map(infoOf);
  }

  /** Figures of the store. */
  stats(): StoreStats {
    const segments = this.#set.segments();
    const diskBytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    const livingBytes = segments.reduce(
      (sum, segment) => sum + this.#index.livingBytes(segment.header.segment),
      0,
    );
    return {
      keyCount: this.#index.putCount,
      keyBytes: this.#index.putBytes,
      deleteCount: this.#index.deleteCount,
      segmentCount: segments.length,
      diskBytes,
      deadBytes: Math.max(0, diskBytes - livingBytes),
      damagedBytes: segments.reduce((sum, segment) => sum + segment.damagedBytes, 0),
      corruptKeyCount: this.#corrupt.size,
      failed: this.#set.failed,
    };
  }

  /** Keys whose content is known to be damaged, in order. */
  corruptKeys(): string[] {
    return [...this.#corrupt].sort();
  }

  /** Reads everything that is stored and verifies it. */
  scrub(options: Omit<ScrubOptions, "clock" | "signal"> = {}): Promise<ScrubResult> {
    return scrubStore(
      {
        list: (after, limit) => this.#index.list(after, limit),
        verify: (record) => this.#verify(record),
      },
      { ...options, clock: this.#clock, signal: this.#stop.signal },
    );
  }

  /** Whether a record, if it still counts, is intact. */
  #verify(record: LocatedRecord): boolean {
    if (!this.#index.isLiving(record)) return true;
    try {
      this.#set.read(record, 0, record.payloadBytes);
      return true;
    } catch (error) {
      if (!hasCode(error, "corrupt")) throw error;
      this.#noteCorrupt(record);
      return false;
    }
  }

  /** Moves what counts out of sparse segments and removes them. Calls at the same time share one run. */
  compact(options: CompactionOptions = {}): Promise<CompactionResult> {
    this.#compacting ??= compactStore(this.#set, {
      ...options,
      clock: this.#clock,
      signal: this.#stop.signal,
      segmentBytes: this.#segmentBytes,
    }).finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  /** Ends all work, seals what is written and gives the directory up. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.#compacting]);
    await Promise.allSettled([...this.#pending.values()].map((pending) => pending.done));
    await this.#set.close();
    this.#lock.release();
  }
}

function checkWrite({ key, owner, bytes }: StoreWrite): void {
  const named = key.length > 0 && key.length <= NAME_BYTES_MAX && isPrintableAscii(key) &&
    owner.length <= NAME_BYTES_MAX && isPrintableAscii(owner);
  if (!named) {
    throw new GitStratumError("invalid", "Expect a key and an owner of printable characters", {
      data: { key: key.slice(0, 300), owner: owner.slice(0, 300) },
    });
  }
  if (bytes.length > PAYLOAD_BYTES_MAX) {
    throw new GitStratumError("exhausted", "Refuse a byte string above its limit", {
      data: { key, bytes: bytes.length, bytesMax: PAYLOAD_BYTES_MAX },
    });
  }
}

function infoOf({ key, owner, payloadBytes, writtenAtMs }: LocatedRecord): StoredInfo {
  return { key, owner, bytes: payloadBytes, writtenAtMs };
}

function conflict(key: string): GitStratumError {
  return new GitStratumError("conflict", "Find other bytes under a key", { data: { key } });
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
