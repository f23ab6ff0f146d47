/**
 * Applies log records to the tables: the deterministic half of a metadata node.
 *
 * The same records in the same order give the same state on every node; nothing here asks for the
 * time, draws lots or looks outside the database. A record that does not fit the state means that
 * log and state belong to different histories: the node must stop, not guess.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { GitStratumError, unreachable } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import { HiddenReferences, oidToBytes } from "@gitstratum/core/git";
import type { NetworkId, PackGroup, RepositoryId } from "@gitstratum/core/rpc";
import { AuditWriter } from "../audit/audit_writer.ts";
import type { ForkSource, LogRecord, PushRecord, ReferenceUpdate } from "../log/log_record.ts";
import type { Sliced } from "./sliced.ts";
import { noteOutcome, outcomeOf } from "./outcome_table.ts";
import { Statements } from "./statements.ts";
import { applyWebhooksTold } from "../webhooks/delivery_table.ts";

/** A record with its place in the log. */
export interface PlacedRecord {
  readonly lsn: Lsn;
  readonly record: LogRecord;
  /** Where the record was read from, when it was too large for the log. */
  readonly spilled?: LogRecord & { readonly kind: "spilled" };
}

/** Records about the names of one repository. */
type NameChange = LogRecord & {
  readonly kind:
    | "repository-renamed"
    | "repository-removed"
    | "repository-restored"
    | "name-version-raised"
    | "name-settled";
};

/** Rows changed between two places where the work may pause. */
const SLICE_ROWS = 500;
/** Snapshots of a partition that are kept: the newest, and one in case that it proves damaged. */
const SNAPSHOT_KEEP_COUNT = 2;

/** Writes records through one connection, whose transactions the caller makes. */
export class Materialiser {
  readonly #sql: Statements;
  readonly #audit: AuditWriter;

  /** Makes a materialiser over the node's writing connection. */
  constructor(database: DatabaseSync) {
    this.#sql = new Statements(database);
    this.#audit = new AuditWriter(this.#sql);
  }

  /**
   * Applies records in their order and moves the partition's applied lsn.
   *
   * @throws `corrupt` when a record does not follow the applied state
   */
  *apply(partition: Partition, records: readonly PlacedRecord[]): Sliced<void> {
    let applied = this.#applied(partition);
    for (const placed of records) {
      if (placed.lsn !== applied + 1) {
        throw new GitStratumError("corrupt", "Apply a log with a gap", {
          data: { partition, applied, found: placed.lsn },
        });
      }
      yield* this.#applyOne(partition, placed);
      applied = placed.lsn;
    }
    this.#sql.run(
      "INSERT INTO applied VALUES (?, ?) ON CONFLICT DO UPDATE SET lsn = excluded.lsn",
      partition,
      applied,
    );
  }

  #applied(partition: Partition): number {
    return Number(
      this.#sql.get("SELECT lsn FROM applied WHERE partition = ?", partition)?.["lsn"] ?? 0,
    );
  }

  *#applyOne(partition: Partition, { lsn, record, spilled }: PlacedRecord): Sliced<void> {
    if (spilled !== undefined) {
      const { payloadId, bytes, extentBytes } = spilled;
      this.#sql.run(
        "INSERT INTO spilled VALUES (?, ?, ?, ?, ?)",
        payloadId,
        partition,
        lsn,
        bytes,
        extentBytes,
      );
    }
    yield* this.#audit.add(partition, lsn, record);
    this.#noteOutcome(record, lsn);
    switch (record.kind) {
      case "name-claimed":
      case "name-confirmed":
      case "name-released":
      case "name-moved":
        return this.#applyName(record, partition);
      case "repository-created":
        return yield* this.#create(record, partition, lsn);
      case "repository-renamed":
      case "repository-removed":
      case "repository-restored":
      case "name-version-raised":
      case "name-settled":
        return this.#changeName(record);
      case "repository-deleted":
        return yield* this.#delete(record, partition);
      case "deletion-finished":
        this.#sql.run(
          "UPDATE repositories SET finished = 1 WHERE repository = ?",
          record.repositoryId,
        );
        return;
      case "head-changed":
        this.#sql.run(
          "UPDATE repositories SET head = ? WHERE repository = ?",
          record.head,
          record.repositoryId,
        );
        return;
      case "settings-changed":
        this.#sql.run(
          "UPDATE repositories SET settings = ? WHERE repository = ?",
          JSON.stringify(record.settings),
          record.repositoryId,
        );
        return;
      case "push":
        return yield* this.#push(record, lsn);
      case "groups-freed":
        return this.#freeGroups(record);
      case "snapshot-taken":
        return this.#noteSnapshot(record, partition);
      case "webhooks-told":
        return applyWebhooksTold(this.#sql, partition, record);
      case "request-noted":
        return;
      case "spilled":
        throw new GitStratumError("corrupt", "Apply a record without its content", {
          data: { partition, lsn },
        });
      default:
        return unreachable(record);
    }
  }

  #applyName(
    record: LogRecord & {
      readonly kind: "name-claimed" | "name-confirmed" | "name-released" | "name-moved";
    },
    partition: Partition,
  ): void {
    switch (record.kind) {
      case "name-claimed":
        this.#sql.run(
          "INSERT INTO names (name, repository, network, state, at_ms, partition, version)" +
            " VALUES (?, ?, ?, 0, ?, ?, ?)",
          record.name,
          record.repositoryId,
          record.networkId,
          record.atMs,
          partition,
          record.version ?? 0,
        );
        break;
      case "name-moved":
        this.#sql.run(
          "UPDATE names SET state = 2, at_ms = ? WHERE name = ? AND repository = ?",
          record.atMs,
          record.name,
          record.repositoryId,
        );
        break;
      case "name-confirmed":
        this.#sql.run(
          "UPDATE names SET state = 1 WHERE name = ? AND repository = ?",
          record.name,
          record.repositoryId,
        );
        break;
      case "name-released":
        this.#sql.run(
          "DELETE FROM names WHERE name = ? AND repository = ?",
          record.name,
          record.repositoryId,
        );
        break;
    }
  }

  #noteOutcome(record: LogRecord, lsn: Lsn): void {
    const outcome = outcomeOf(record);
    if (outcome === undefined || !("repositoryId" in record)) return;
    const repositoryNumber = this.#number(record.repositoryId);
    noteOutcome(this.#sql, outcome, { repositoryNumber, lsn });
  }

  /** What changes names as the network's partition knows them, and with them who lives. */
  #changeName(record: NameChange): void {
    const number = this.#number(record.repositoryId);
    switch (record.kind) {
      case "repository-renamed":
        this.#owe(number, record.version - 1, 1);
        this.#sql.run(
          "UPDATE repositories SET name = ?, name_version = ? WHERE number = ?",
          record.name,
          record.version,
          number,
        );
        break;
      case "repository-removed":
        this.#owe(number, record.version - 1, 0);
        this.#sql.run(
          "UPDATE repositories SET removed_at_ms = ?, name_version = ? WHERE number = ?",
          record.atMs,
          record.version,
          number,
        );
        break;
      case "repository-restored":
        this.#sql.run(
          "UPDATE repositories SET removed_at_ms = NULL, name = ?, name_version = ? WHERE number = ?",
          record.name,
          record.version,
          number,
        );
        break;
      case "name-version-raised":
        this.#sql.run(
          "UPDATE repositories SET name_version = ? WHERE number = ?",
          record.version,
          number,
        );
        break;
      case "name-settled":
        this.#sql.run(
          "DELETE FROM name_debts WHERE repository = ? AND version = ?",
          number,
          record.version,
        );
        break;
      default:
        unreachable(record);
    }
  }

  /** Notes that the directory is to be told what becomes of the name that a repository has until now. */
  #owe(number: number, version: number, moves: 0 | 1): void {
    this.#sql.run(
      "INSERT INTO name_debts SELECT number, ?, name, ? FROM repositories WHERE number = ?",
      version,
      moves,
      number,
    );
  }

  *#create(
    record: LogRecord & { readonly kind: "repository-created" },
    partition: Partition,
    lsn: Lsn,
  ): Sliced<void> {
    const { fork, settings } = record;
    this.#sql.run(
      "INSERT INTO repositories (repository, network, name, object_format, head, created_at_ms," +
        " refs_version, partition, settings, parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      record.repositoryId,
      record.networkId,
      record.name,
      record.objectFormat,
      record.head,
      record.atMs,
      fork === undefined ? 0 : lsn,
      partition,
      settings === undefined ? null : JSON.stringify(settings),
      fork?.parentId ?? null,
    );
    if (fork !== undefined) yield* this.#copyReferences(fork, this.#number(record.repositoryId));
    this.#sql.run(
      "INSERT OR IGNORE INTO networks VALUES (?, 0, 0, ?)",
      record.networkId,
      partition,
    );
  }

  /** Gives a fork the references of its parent, hidden ones excepted. */
  *#copyReferences(fork: ForkSource, number: number): Sliced<void> {
    const parent = this.#number(fork.parentId);
    const hidden = new HiddenReferences(fork.hiddenReferences);
    for (let after = "";;) {
      const rows = this.#sql.all(
        "SELECT name FROM refs WHERE repository = ? AND name > ? ORDER BY name LIMIT ?",
        parent,
        after,
        SLICE_ROWS,
      );
      const names = rows.map((row) => String(row["name"])).filter((name) => !hidden.hides(name));
      this.#sql.run(
        "INSERT INTO refs SELECT ?, name, oid, peeled FROM refs WHERE repository = ?" +
          " AND name IN (SELECT value FROM json_each(?))",
        number,
        parent,
        JSON.stringify(names),
      );
      if (rows.length < SLICE_ROWS) return;
      after = String(rows.at(-1)!["name"]);
      yield;
    }
  }

  *#delete(
    record: LogRecord & { readonly kind: "repository-deleted" },
    partition: Partition,
  ): Sliced<void> {
    // The id may be unknown: then this bars a creation that a crash cut short. What becomes of the
    // name of one that was removed before is noted elsewhere.
    this.#sql.run(
      "INSERT INTO repositories (repository, network, name, object_format, head, created_at_ms," +
        " refs_version, deleted_at_ms, partition) VALUES (?1, ?2, ?3, 'sha1', '', ?4, 0, ?4, ?5)" +
        " ON CONFLICT (repository) DO UPDATE SET deleted_at_ms = excluded.deleted_at_ms," +
        " finished = removed_at_ms IS NOT NULL",
      record.repositoryId,
      record.networkId,
      record.name,
      record.atMs,
      partition,
    );
    const number = this.#number(record.repositoryId);
    yield* this.#deleteRows("refs", "name", number);
    yield* this.#deleteRows("former_refs", "lsn, position", number);
    yield* this.#deleteRows("pushes", "push", number);
    this.#freeNetwork(record.networkId, record.atMs);
  }

  *#deleteRows(table: string, key: string, number: number): Sliced<void> {
    const statement = this.#sql.prepare(
      `DELETE FROM ${table} WHERE repository = ?1 AND (${key}) IN` +
        ` (SELECT ${key} FROM ${table} WHERE repository = ?1 LIMIT ${SLICE_ROWS})`,
    );
    while (Number(statement.run(number).changes) > 0) yield;
  }

  /** Lets go of the packs of a network that has no repository any more. */
  #freeNetwork(networkId: NetworkId, atMs: number): void {
    const alive = this.#sql.get(
      "SELECT 1 FROM repositories WHERE network = ? AND deleted_at_ms IS NULL LIMIT 1",
      networkId,
    );
    if (alive !== undefined) return;
    this.#sql.run(
      "INSERT OR IGNORE INTO freed_groups SELECT group_id, network, ?, history_bytes," +
        " content_bytes, index_bytes, extent_bytes FROM pack_groups WHERE network = ?",
      atMs,
      networkId,
    );
    this.#sql.run("DELETE FROM pack_groups WHERE network = ?", networkId);
    this.#sql.run(
      "UPDATE networks SET sequence = 0, generation = generation + 1 WHERE network = ?",
      networkId,
    );
  }

  /** Lets go of some packs of a network; the others stay, in the order that they have. */
  #freeGroups(record: LogRecord & { readonly kind: "groups-freed" }): void {
    for (const groupId of record.groupIds) {
      this.#sql.run(
        "INSERT OR IGNORE INTO freed_groups SELECT group_id, network, ?, history_bytes," +
          " content_bytes, index_bytes, extent_bytes FROM pack_groups" +
          " WHERE network = ? AND group_id = ?",
        record.atMs,
        record.networkId,
        groupId,
      );
      this.#sql.run(
        "DELETE FROM pack_groups WHERE network = ? AND group_id = ?",
        record.networkId,
        groupId,
      );
    }
    this.#sql.run(
      "UPDATE networks SET generation = generation + 1, sequence = coalesce(" +
        "(SELECT max(sequence) FROM pack_groups WHERE network = ?1), 0) WHERE network = ?1",
      record.networkId,
    );
  }

  #noteSnapshot(
    record: LogRecord & { readonly kind: "snapshot-taken" },
    partition: Partition,
  ): void {
    this.#sql.run(
      "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)",
      partition,
      record.lsn,
      record.snapshotId,
      record.bytes,
      record.extentBytes,
      record.digest,
    );
    this.#sql.run(
      "DELETE FROM snapshots WHERE partition = ?1 AND lsn NOT IN" +
        " (SELECT lsn FROM snapshots WHERE partition = ?1 ORDER BY lsn DESC LIMIT ?2)",
      partition,
      SNAPSHOT_KEEP_COUNT,
    );
  }

  *#push(record: PushRecord, lsn: Lsn): Sliced<void> {
    const number = this.#number(record.repositoryId);
    for (const [position, update] of record.updates.entries()) {
      this.#updateReference(number, update, { lsn, position, atMs: record.atMs });
      if (position % SLICE_ROWS === SLICE_ROWS - 1) yield;
    }
    this.#sql.run("UPDATE repositories SET refs_version = ? WHERE number = ?", lsn, number);
    if (record.group !== undefined) this.#catalogue(record, record.group, lsn);
  }

  #updateReference(
    number: number,
    update: ReferenceUpdate,
    at: { readonly lsn: Lsn; readonly position: number; readonly atMs: number },
  ): void {
    if (update.old !== undefined) {
      this.#sql.run(
        "INSERT INTO former_refs VALUES (?, ?, ?, ?, ?, ?)",
        number,
        at.lsn,
        at.position,
        update.name,
        oidToBytes(update.old),
        at.atMs,
      );
    }
    if (update.new === undefined) {
      this.#sql.run("DELETE FROM refs WHERE repository = ? AND name = ?", number, update.name);
    } else {
      this.#sql.run(
        "INSERT INTO refs VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET oid = excluded.oid," +
          " peeled = excluded.peeled",
        number,
        update.name,
        oidToBytes(update.new),
        update.peeled === undefined ? null : oidToBytes(update.peeled),
      );
    }
  }

  #catalogue(record: PushRecord, group: PackGroup, lsn: Lsn): void {
    this.#sql.run(
      // A group pushed a second time under another push id is there already.
      "INSERT OR IGNORE INTO pack_groups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      record.networkId,
      lsn,
      group.groupId,
      record.repositoryId,
      group.historyBytes,
      group.contentBytes,
      group.indexBytes,
      group.historyCount,
      group.contentCount,
      group.extentBytes,
    );
    this.#sql.run("UPDATE networks SET sequence = ? WHERE network = ?", lsn, record.networkId);
  }

  #number(repositoryId: RepositoryId): number {
    const row = this.#sql.get("SELECT number FROM repositories WHERE repository = ?", repositoryId);
    if (row === undefined) {
      throw new GitStratumError("corrupt", "Apply a record of an unknown repository", {
        data: { repositoryId },
      });
    }
    return Number(row["number"]);
  }
}
