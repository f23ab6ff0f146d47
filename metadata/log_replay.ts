/**
 * Applies a partition's log to the tables, for whoever holds the partition on this node: its primary,
 * or a follower. There is never more than one at a time.
 *
 * Fault model: state that the log does not lead to, or a log whose needed part is gone, is `corrupt`;
 * nothing is guessed. Whatever fails leaves the tables at a whole record.
 *
 * @module
 */

import { GitStratumError, hasCode } from "@gitstratum/core";
import type { Log, LogEntry, Lsn, Partition } from "@gitstratum/core/consensus";
import { decodeLogRecord } from "./log_record.ts";
import type { Materialiser, PlacedRecord } from "./materialiser.ts";
import type { RecordSpill } from "./record_spill.ts";
import type { StateDatabase } from "./state_database.ts";
import type { StateReader } from "./state_reader.ts";

/** What a replay stands on. */
export interface LogReplayOptions {
  readonly partition: Partition;
  readonly log: Log;
  readonly database: StateDatabase;
  readonly reader: StateReader;
  readonly materialiser: Materialiser;
  readonly spill: RecordSpill;
  /** Told of records after they became visible to readers, in order, before they are answered. */
  readonly onApplied?: (records: readonly PlacedRecord[]) => void;
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
   * Applies the log up to `lsn`.
   *
   * @throws `corrupt` when the log does not continue the applied state
   */
  async catchUp(lsn: Lsn): Promise<void> {
    const { log, partition } = this.#options;
    if (this.#applied > lsn) throw this.#diverged(lsn);
    while (this.#applied < lsn) {
      const entries = await this.#read();
      if (entries.length === 0) throw this.#diverged((await log.head(partition)).lsn);
      await this.applyEntries(entries);
    }
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
    onApplied?.(records);
  }

  async #read(): Promise<readonly LogEntry[]> {
    const { log, partition } = this.#options;
    try {
      return await log.read(partition, this.#applied, READ_ENTRY_COUNT);
    } catch (cause) {
      if (!hasCode(cause, "not-found")) throw cause;
      throw new GitStratumError("corrupt", "Miss applied state whose log was truncated", {
        data: { partition, applied: this.#applied },
        cause,
      });
    }
  }

  async #open({ lsn, payload }: LogEntry): Promise<PlacedRecord> {
    const record = decodeLogRecord(payload);
    if (record.kind !== "spilled") return { lsn, record };
    return { lsn, record: await this.#options.spill.read(record), spilled: record };
  }

  #diverged(lsn: Lsn): GitStratumError {
    return new GitStratumError("corrupt", "Find state that the log does not lead to", {
      data: { partition: this.#options.partition, applied: this.#applied, log: lsn },
    });
  }
}
