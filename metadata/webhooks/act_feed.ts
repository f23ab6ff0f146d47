/**
 * Acts of the audit trail in the order of the log, as webhooks are told of them.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { WEBHOOK_CHANGE_COUNT_MAX } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import type { Provenance, RepositoryId, WebhookEventName } from "@gitstratum/core/rpc";
import { type SqlRow, Statements } from "../state/statements.ts";

/** An act, and which events it is. */
export interface FedAct {
  readonly partition: Partition;
  readonly lsn: Lsn;
  readonly atMs: number;
  readonly kind: string;
  readonly repositoryId: RepositoryId;
  readonly name: string;
  readonly owner: string;
  readonly provenance: Provenance | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly events: readonly WebhookEventName[];
}

/** A reference that changed, as a delivery tells of it. */
export interface FedChange {
  readonly reference: string;
  readonly old: string | null;
  readonly new: string | null;
}

const MADE = "SELECT 1 FROM audit_changes AS c WHERE c.partition = a.partition AND c.lsn = a.lsn";
const ACT = `SELECT a.*, EXISTS (${MADE} AND old_oid IS NULL) AS creates,` +
  ` EXISTS (${MADE} AND new_oid IS NULL) AS deletes FROM audit_acts AS a`;

/** Which of a push's references an event is about. */
const CHANGES_OF: Readonly<Record<WebhookEventName, string>> = {
  push: "1",
  create: "old_oid IS NULL",
  delete: "new_oid IS NULL",
  repository: "0",
};

/** Reads acts through a connection that does not write. */
export class ActFeed {
  readonly #sql: Statements;

  /** Makes a feed over a connection. */
  constructor(database: DatabaseSync) {
    this.#sql = new Statements(database);
  }

  /** The next acts of a partition that are not older than a wall time. */
  after(
    partition: Partition,
    lsn: Lsn,
    options: { readonly sinceMs: number; readonly limit: number },
  ): FedAct[] {
    return this.#sql.all(
      `${ACT} WHERE a.partition = ? AND a.lsn > ? AND a.at_ms >= ? ORDER BY a.lsn LIMIT ?`,
      partition,
      lsn,
      options.sinceMs,
      options.limit,
    ).map(actOf);
  }

  /** One act; undefined when it was forgotten. */
  find(partition: Partition, lsn: number): FedAct | undefined {
    const row = this.#sql.get(`${ACT} WHERE a.partition = ? AND a.lsn = ?`, partition, lsn);
    return row && actOf(row);
  }

  /** The references that an event of an act is about: the first ones, and how many there are. */
  changes(
    { partition, lsn }: Pick<FedAct, "partition" | "lsn">,
    event: WebhookEventName,
  ): { readonly changes: readonly FedChange[]; readonly changeCount: number } {
    const where = `partition = ? AND lsn = ? AND ${CHANGES_OF[event]}`;
    const count = this.#sql.get(
      `SELECT count(*) AS count FROM audit_changes WHERE ${where}`,
      partition,
      lsn,
    );
    const changes = this.#sql.all(
      `SELECT * FROM audit_changes WHERE ${where} ORDER BY position LIMIT ?`,
      partition,
      lsn,
      WEBHOOK_CHANGE_COUNT_MAX,
    ).map((row) => ({
      reference: String(row["reference"]),
      old: oidText(row["old_oid"]),
      new: oidText(row["new_oid"]),
    }));
    return { changes, changeCount: Number(count?.["count"]) };
  }
}

function actOf(row: SqlRow): FedAct {
  const provenance = row["provenance"];
  return {
    partition: Number(row["partition"]) as Partition,
    lsn: Number(row["lsn"]) as Lsn,
    atMs: Number(row["at_ms"]),
    kind: String(row["kind"]),
    repositoryId: row["repository"] as RepositoryId,
    name: String(row["name"]),
    owner: String(row["owner"]),
    provenance: provenance === null ? undefined : JSON.parse(String(provenance)) as Provenance,
    details: JSON.parse(String(row["details"])),
    events: eventsOf(row),
  };
}

function eventsOf(row: SqlRow): readonly WebhookEventName[] {
  if (row["kind"] !== "reference-updated") return ["repository"];
  return [
    "push",
    ...(row["creates"] === 1 ? ["create"] as const : []),
    ...(row["deletes"] === 1 ? ["delete"] as const : []),
  ];
}

function oidText(value: unknown): string | null {
  return value instanceof Uint8Array ? value.toHex() : null;
}
