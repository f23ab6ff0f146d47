/**
 * Applies a partition's log to the tables, for whoever holds the partition on this node: its primary,
 * or a follower. There is never more than one at a time.
 *
 * Fault model: a log whose needed part is gone sends the tables back to a snapshot. State that the log
 * does not lead to, or a log that no whole snapshot leads up to, is `corrupt`; nothing is guessed.
 * Whatever fails leaves the tables at a whole record.
 *
 * @module
 */

import { GitStratumError, hasCode, type Logger } from "@gitstratum/core";
import type { Log, LogEntry, Lsn, Partition } from "@gitstratum/core/consensus";
import { decodeLogRecord } from "./log_record.ts";
import type { Materialiser, PlacedRecord } from "../state/materialiser.ts";
import {
  linesOf,
  type PartitionSnapshots,
  type SnapshotRecord,
} from "../state/partition_snapshots.ts";
import type { RecordSpill } from "./record_spill.ts";
import { restoreLines } from "../state/snapshot_format.ts";
import type { StateDatabase } from "../state/state_database.ts";
import type { StateReader } from "../state/state_reader.ts";

/** What a replay stands on. */
export interface LogReplayOptions {
  readonly partition: Partition;
  readonly log: Log;
  readonly database: StateDatabase;
  readonly reader: StateReader;
  readonly materialiser: Materialiser;
  readonly spill: RecordSpill;
  readonly snapshots: PartitionSnapshots;
  /** Told when a snapshot took the place of the partition's state. */
  readonly onRestored?: (partition: Partition) => void;
  /** Told of what a replay had to pass over. */
  readonly logger: Logger;
  /** Told how many entries of a log that was read are not applied yet; infinity when none can be. */
  readonly onLag?: (entryCount: number) => void;
  /** Told of records after they became visible to readers, in order, before they are answered. */
  readonly onApplied?: (records: readonly PlacedRecord[], partition: Partition) => void;
}

/** Log entries read at once: each at most `LOG_INLINE_BYTES_MAX`. */
const READ_ENTRY_COUNT = 64;

/** Moves one partition's tables along its log. */
export class LogReplay {
  readonly #options: LogReplayOptions;
  #applied: Lsn;

  /** Begins where the tables stand. */
  constructor(options: LogReplayOptions) {
    this.#options = options;
    this.#applied = options.reader.applied(options.partition);
  }

  /** Lsn of the last applied record. */
  get applied(): Lsn {
    return this.#applied;
  }

  /**
   * Applies the log up to `lsn`; from a snapshot on when the log does not reach back far enough.
   *
   * @throws `corrupt` when the log does not continue the applied state, nor that of any snapshot
   */
  async catchUp(lsn: Lsn): Promise<void> {
    const { log, partition, onLag } = this.#options;
    if (this.#applied > lsn) throw this.#diverged(lsn);
    while (this.#applied < lsn) {
      onLag?.(lsn - this.#applied);
      const entries = await this.#read();
      if (entries === "truncated") {
        await this.#restore();
        continue;
      }
      if (entries.length === 0) throw this.#diverged((await log.head(partition)).lsn);
      await this.applyEntries(entries);
    }
    onLag?.(0);
  }

  /** Applies entries that follow the applied ones. */
  async applyEntries(entries: readonly LogEntry[]): Promise<void> {
    const records: PlacedRecord[] = [];
    for (const entry of entries) records.push(await this.#open(entry));
    await this.apply(records);
  }

  /** Applies records that follow the applied ones, in one transaction. */
  async apply(records: readonly PlacedRecord[]): Promise<void> {
    const { database, materialiser, partition, onApplied } = this.#options;
    await database.write(() => materialiser.apply(partition, records));
    this.#applied = records.at(-1)!.lsn;
    onApplied?.(records, partition);
  }

  async #read(): Promise<readonly LogEntry[] | "truncated"> {
    const { log, partition } = this.#options;
    try {
      return await log.read(partition, this.#applied, READ_ENTRY_COUNT);
    } catch (cause) {
      if (hasCode(cause, "not-found")) return "truncated";
      throw cause;
    }
  }

  /** Starts again from the newest snapshot that is whole and that the log continues. */
  async #restore(): Promise<void> {
    const { partition, logger, database, snapshots, onRestored } = this.#options;
    const { candidates, truncated } = await this.#snapshotsInLog();
    for (const record of candidates) {
      try {
        const bytes = await snapshots.read(record);
        this.#applied = await database.write(() =>
          restoreLines(database.writer, partition, linesOf(bytes))
        );
      } catch (error) {
        if (!hasCode(error, "corrupt") && !hasCode(error, "not-found")) throw error;
        logger.error("Pass over a snapshot that is damaged", {
          partition,
          snapshot: record.snapshotId,
          error,
        });
        continue;
      }
      onRestored?.(partition);
      logger.info("Restored a partition from a snapshot", { partition, lsn: this.#applied });
      return;
    }
    this.#options.onLag?.(Infinity);
    throw new GitStratumError("corrupt", "Find no snapshot that the log continues", {
      data: { partition, applied: this.#applied, truncated, tried: candidates.length },
    });
  }

  /** Snapshots from which the kept log goes on, newest first. */
  async #snapshotsInLog() {
    const { log, partition } = this.#options;
    const { truncated, lsn } = await log.head(partition);
    const candidates: SnapshotRecord[] = [];
    for (let at = truncated; at < lsn;) {
      const entries = await log.read(partition, at, READ_ENTRY_COUNT);
      if (entries.length === 0) break;
      for (const { payload } of entries) {
        const record = decodeLogRecord(payload);
        if (record.kind === "snapshot-taken" && record.lsn >= truncated) candidates.unshift(record);
      }
      at = entries.at(-1)!.lsn;
    }
    return { candidates, truncated };
  }

  async #open({ lsn, payload }: LogEntry): Promise<PlacedRecord> {
    const record = decodeLogRecord(payload);
    if (record.kind !== "spilled") return { lsn, record };
    return { lsn, record: await this.#options.spill.read(record), spilled: record };
  }

  #diverged(lsn: Lsn): GitStratumError {
    this.#options.onLag?.(Infinity);
    return new GitStratumError("corrupt", "Find state that the log does not lead to", {
      data: { partition: this.#options.partition, applied: this.#applied, log: lsn },
    });
  }
}
