/**
 * Keeps the tables and the logs from growing: forgets what has had its time, and truncates logs.
 *
 * What is forgotten here is never asked for again: former references past their grace, outcomes of
 * old pushes. So it needs no log entry, and nodes may differ in when they do it.
 *
 * @module
 */

import {
  type Clock,
  FORMER_REFERENCE_GRACE_MS,
  LOG_KEEP_ENTRY_COUNT,
  PUSH_OUTCOME_KEEP_MS,
} from "@gitstratum/core";
import type { Log, Lsn, Partition } from "@gitstratum/core/consensus";
import type { GroupId, RepositoryId } from "@gitstratum/core/rpc";
import type { PartitionTable } from "./partition_table.ts";
import type { RecordSpill } from "./record_spill.ts";
import type { ReferenceHistory } from "./reference_history.ts";
import type { StateDatabase } from "./state_database.ts";
import { Statements } from "./statements.ts";

/** What the upkeep stands on. */
export interface StateUpkeepOptions {
  readonly partitions: PartitionTable;
  readonly database: StateDatabase;
  readonly log: Log;
  readonly spill: RecordSpill;
  readonly history: ReferenceHistory;
  readonly clock: Pick<Clock, "nowMs">;
  /** Entries to leave in each log; `LOG_KEEP_ENTRY_COUNT` unless told. */
  readonly keepEntryCount?: number;
}

/** Rows forgotten in one transaction. */
const STEP_ROWS = 1000;

/** Forgets and truncates. */
export class StateUpkeep {
  readonly #options: StateUpkeepOptions;
  readonly #reader: Statements;
  readonly #writer: Statements;

  /** Makes an upkeep; it does nothing by itself. */
  constructor(options: StateUpkeepOptions) {
    this.#options = options;
    this.#reader = new Statements(options.database.reader);
    this.#writer = new Statements(options.database.writer);
  }

  /** Forgets rows past their time. */
  async forget(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    await this.#forgetReferences(nowMs - FORMER_REFERENCE_GRACE_MS);
    await this.#forgetPushes(nowMs - PUSH_OUTCOME_KEEP_MS);
  }

  async #forgetReferences(goneBefore: number): Promise<void> {
    for (;;) {
      const rows = this.#reader.all(
        "SELECT former_refs.repository AS number, lsn, position, repositories.repository AS id" +
          " FROM former_refs JOIN repositories ON number = former_refs.repository" +
          " WHERE at_ms <= ? ORDER BY at_ms LIMIT ?",
        goneBefore,
        STEP_ROWS,
      );
      const writer = this.#writer;
      await this.#options.database.write(function* () {
        for (const row of rows) {
          yield;
          writer.run(
            "DELETE FROM former_refs WHERE repository = ? AND lsn = ? AND position = ?",
            Number(row["number"]),
            Number(row["lsn"]),
            Number(row["position"]),
          );
        }
      });
      const repositories = new Set(rows.map((row) => row["id"] as RepositoryId));
      for (const id of repositories) this.#options.history.forgotten(id);
      if (rows.length < STEP_ROWS) return;
    }
  }

  async #forgetPushes(goneBefore: number): Promise<void> {
    const writer = this.#writer;
    await this.#options.database.write(function* () {
      for (;;) {
        const count = writer.run(
          "DELETE FROM pushes WHERE (repository, push) IN" +
            " (SELECT repository, push FROM pushes WHERE at_ms <= ? LIMIT ?)",
          goneBefore,
          STEP_ROWS,
        );
        if (count < STEP_ROWS) return;
        yield;
      }
    });
  }

  /**
   * Truncates the logs of open partitions up to what is durable in the tables, less what is kept for
   * those who tail them.
   */
  async truncateLogs(): Promise<void> {
    const { database, log, partitions } = this.#options;
    const keep = this.#options.keepEntryCount ?? LOG_KEEP_ENTRY_COUNT;
    const due: { partition: Partition; upTo: Lsn }[] = [];
    for (const [partition, primary] of partitions.opened()) {
      const upTo = primary.applied - keep;
      if (upTo <= 0) continue;
      if (upTo > (await log.head(partition)).truncated) due.push({ partition, upTo: upTo as Lsn });
    }
    // The tables are not synced with each commit: without this, a power failure after the truncation
    // could take entries that exist nowhere else.
    if (due.length === 0 || !await database.checkpoint()) return;
    for (const { partition, upTo } of due) {
      await log.truncate(partition, upTo);
      await this.#removeSpilled(partition, upTo);
    }
  }

  async #removeSpilled(partition: Partition, upTo: Lsn): Promise<void> {
    const { database, spill } = this.#options;
    const rows = this.#reader.all(
      "SELECT * FROM spilled WHERE partition = ? AND lsn <= ?",
      partition,
      upTo,
    );
    for (const row of rows) {
      const payloadId = row["payload"] as GroupId;
      await spill.remove({
        payloadId,
        bytes: Number(row["bytes"]),
        extentBytes: Number(row["extent_bytes"]),
      });
      const writer = this.#writer;
      await database.write(function* () {
        yield;
        writer.run("DELETE FROM spilled WHERE payload = ?", payloadId);
      });
    }
  }
}
