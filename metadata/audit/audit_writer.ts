/**
 * Writes acts into the tables of the audit trail, in the transaction that applies their records.
 *
 * @module
 */

import type { Lsn, Partition } from "@gitstratum/core/consensus";
import { oidToBytes } from "@gitstratum/core/git";
import { DEFAULT_REPOSITORY_SETTINGS } from "@gitstratum/core/rpc";
import type { LogRecord } from "../log/log_record.ts";
import type { Sliced } from "../state/sliced.ts";
import type { Statements } from "../state/statements.ts";
import { type AuditAct, auditActOf, type RepositoryBefore } from "./audit_act.ts";

/** Rows written between two places where the work may pause. */
const SLICE_ROWS = 500;

/** The trail's writing half. */
export class AuditWriter {
  readonly #sql: Statements;

  /** Writes through the statements of the node's writing connection. */
  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Notes the act that a record is. To be called before the record changes anything else. */
  *add(partition: Partition, lsn: Lsn, record: LogRecord): Sliced<void> {
    const known = this.#known(record);
    const act = auditActOf(record, known);
    if (act === undefined) return;
    const name = record.kind === "repository-created" ? record.name : known?.name ?? "";
    this.#sql.run(
      "INSERT INTO audit_acts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      partition,
      lsn,
      act.atMs,
      act.kind,
      act.repositoryId,
      name,
      name.slice(0, name.indexOf("/")),
      act.provenance?.user ?? null,
      act.provenance === undefined ? null : JSON.stringify(act.provenance),
      JSON.stringify(act.details),
    );
    yield* this.#addChanges(partition, lsn, act);
  }

  *#addChanges(partition: Partition, lsn: Lsn, { changes }: AuditAct): Sliced<void> {
    for (const [position, change] of changes.entries()) {
      this.#sql.run(
        "INSERT INTO audit_changes VALUES (?, ?, ?, ?, ?, ?)",
        partition,
        lsn,
        position,
        change.name,
        change.old === undefined ? null : oidToBytes(change.old),
        change.new === undefined ? null : oidToBytes(change.new),
      );
      if (position % SLICE_ROWS === SLICE_ROWS - 1) yield;
    }
  }

  #known(record: LogRecord): RepositoryBefore & { readonly name: string } | undefined {
    if (!("repositoryId" in record)) return undefined;
    const row = this.#sql.get(
      "SELECT name, head, settings, removed_at_ms FROM repositories" +
        " WHERE repository = ? AND deleted_at_ms IS NULL",
      record.repositoryId,
    );
    if (row === undefined) return undefined;
    const settings = row["settings"] === null
      ? DEFAULT_REPOSITORY_SETTINGS
      : JSON.parse(String(row["settings"]));
    const isRemoved = row["removed_at_ms"] !== null;
    return { name: String(row["name"]), head: String(row["head"]), isRemoved, settings };
  }
}
