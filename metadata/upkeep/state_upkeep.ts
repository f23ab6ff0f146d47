/**
 * Keeps the tables and the logs from growing: forgets what has had its time, takes snapshots, and
 * truncates logs behind them.
 *
 * What is forgotten here is never asked for again: former references past their grace, outcomes of
 * old pushes. So it needs no log entry, and nodes may differ in when they do it.
 *
 * @module
 */

import {
  AUDIT_KEEP_MS,
  AUDIT_ROW_COUNT_MAX,
  FORMER_REFERENCE_GRACE_MS,
  LOG_KEEP_ENTRY_COUNT,
  type Logger,
  PUSH_OUTCOME_KEEP_MS,
  WEBHOOK_DELIVERY_KEEP_MS,
  WEBHOOK_DONE_COUNT_MAX,
} from "@gitstratum/core";
import type { Log, Lsn, Partition } from "@gitstratum/core/consensus";
import type { GroupId, RepositoryId } from "@gitstratum/core/rpc";
import { type AuditRetention, forgetAudit } from "../audit/audit_retention.ts";
import type { PartitionPrimary } from "../partition/partition_primary.ts";
import type { PartitionSnapshots } from "../state/partition_snapshots.ts";
import type { PartitionTable } from "../partition/partition_table.ts";
import type { RecordSpill } from "../log/record_spill.ts";
import type { ReferenceHistory } from "../state/reference_history.ts";
import type { StateDatabase } from "../state/state_database.ts";
import { type SqlRow, Statements } from "../state/statements.ts";
import { forgetDeliveries } from "../webhooks/delivery_table.ts";

/** What the upkeep stands on. */
export interface StateUpkeepOptions {
  readonly partitions: PartitionTable;
  readonly database: StateDatabase;
  readonly log: Log;
  readonly spill: RecordSpill;
  readonly snapshots: PartitionSnapshots;
  readonly logger: Logger;
  readonly history: ReferenceHistory;
  /** Told when former references of a repository were forgotten. */
  readonly onForgotten: (id: RepositoryId) => void;
  /** Entries to leave in each log, and between two snapshots; `LOG_KEEP_ENTRY_COUNT` unless told. */
  readonly keepEntryCount?: number;
  /** How much of the audit trail is kept; `AUDIT_KEEP_MS` and `AUDIT_ROW_COUNT_MAX` unless told. */
  readonly audit?: AuditRetention;
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

  /** Forgets rows past their time, by a wall time that is not ahead. */
  async forget(nowMs: number): Promise<void> {
    await this.#forgetReferences(nowMs - FORMER_REFERENCE_GRACE_MS);
    await this.#forgetPushes(nowMs - PUSH_OUTCOME_KEEP_MS);
    const { keepMs = AUDIT_KEEP_MS, rowCountMax = AUDIT_ROW_COUNT_MAX } = this.#options.audit ?? {};
    await forgetDeliveries(this.#options.database, {
      goneBefore: nowMs - WEBHOOK_DELIVERY_KEEP_MS,
      countMax: WEBHOOK_DONE_COUNT_MAX,
    });
    await forgetAudit(this.#options.database, { goneBefore: nowMs - keepMs, rowCountMax });
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
      for (const id of repositories) {
        this.#options.history.forgotten(id);
        this.#options.onForgotten(id);
      }
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
   * Takes snapshots of the partitions of which this node is the primary, where enough was logged since
   * the last, and truncates their logs: up to the older of the two snapshots that are kept, less what
   * is kept for those who tail the log. A partition that fails does not keep others from it.
   *
   * @throws the first of the errors that partitions met
   */
  async truncateLogs(): Promise<void> {
    const { database, partitions, logger } = this.#options;
    const errors: unknown[] = [];
    let isDurable: boolean | undefined;
    for (const [partition, primary] of partitions.opened()) {
      try {
        await this.#snapshot(partition, primary);
        const upTo = await this.#truncatable(partition, primary);
        if (upTo === undefined) continue;
        // The tables are not synced with each commit: after a power failure they must find their
        // place in the log again, or all of them would have to start from snapshots.
        isDurable ??= await database.checkpoint();
        if (!isDurable) return;
        await this.#truncate(partition, upTo);
      } catch (error) {
        logger.warn("Fail to truncate a partition's log", { partition, reason: String(error) });
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** Takes a snapshot when one is due, and removes the one that it makes superfluous. */
  async #snapshot(partition: Partition, primary: PartitionPrimary): Promise<void> {
    const { database, snapshots } = this.#options;
    const before = this.#kept(partition);
    if (primary.applied - Number(before[0]?.["lsn"] ?? 0) <= this.#keepCount) return;
    const record = await snapshots.take(database, partition);
    await primary.submit(() => ({ records: [record], answer: undefined }));
    const named = new Set(this.#kept(partition).map((row) => row["snapshot"]));
    for (const row of before) {
      if (named.has(row["snapshot"])) continue;
      await snapshots.remove({
        snapshotId: row["snapshot"] as GroupId,
        bytes: Number(row["bytes"]),
        extentBytes: Number(row["extent_bytes"]),
      });
    }
  }

  /** The snapshots of a partition, newest first. */
  #kept(partition: Partition): SqlRow[] {
    return this.#reader.all(
      "SELECT * FROM snapshots WHERE partition = ? ORDER BY lsn DESC LIMIT 8",
      partition,
    );
  }

  /** How far a log may be truncated; undefined when that is no further than it is. */
  async #truncatable(partition: Partition, primary: PartitionPrimary): Promise<Lsn | undefined> {
    const kept = this.#kept(partition);
    // With one snapshot only, nothing would be left if that proved damaged.
    if (kept.length < 2) return undefined;
    const upTo = Math.min(Number(kept.at(-1)!["lsn"]), primary.applied - this.#keepCount);
    const { truncated } = await this.#options.log.head(partition);
    return upTo > truncated ? upTo as Lsn : undefined;
  }

  async #truncate(partition: Partition, upTo: Lsn): Promise<void> {
    await this.#options.log.truncate(partition, upTo);
    await this.#removeSpilled(partition, upTo);
  }

  get #keepCount(): number {
    return this.#options.keepEntryCount ?? LOG_KEEP_ENTRY_COUNT;
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
