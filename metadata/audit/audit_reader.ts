/**
 * Reads the audit trail of the partitions of this node.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Partition } from "@gitstratum/core/consensus";
import {
  type AuditEvent,
  auditEventId,
  type AuditPlace,
  auditPlaceOf,
  type AuditQuery,
  type Provenance,
  type RepositoryId,
} from "@gitstratum/core/rpc";
import { type SqlRow, type SqlValue, Statements } from "../state/statements.ts";

/** After every place. */
const END: AuditPlace = {
  atMs: Number.MAX_SAFE_INTEGER,
  source: Number.MAX_SAFE_INTEGER,
  number: Number.MAX_SAFE_INTEGER,
  position: Number.MAX_SAFE_INTEGER,
};

/** A page of the trail, newest first. */
export class AuditReader {
  readonly #sql: Statements;

  /** Reads through a connection that does not write. */
  constructor(database: DatabaseSync) {
    this.#sql = new Statements(database);
  }

  /** Entries that some partitions keep. */
  page(query: AuditQuery, partitions: readonly Partition[]): readonly AuditEvent[] {
    const before = query.before === undefined ? END : auditPlaceOf(query.before);
    const { text, values } = conditions(query, before);
    const acts = this.#sql.prepare(
      `SELECT * FROM audit_acts WHERE ${text} AND +partition IN (SELECT value FROM json_each(?))` +
        " ORDER BY at_ms DESC, partition DESC, lsn DESC",
    ).iterate(...values, JSON.stringify(partitions));
    const events: AuditEvent[] = [];
    for (const act of acts) {
      events.push(...this.#entries(act, before, query.limit - events.length));
      if (events.length >= query.limit) break;
    }
    return events;
  }

  /** The entries of one act before a place, the last one first. */
  #entries(act: SqlRow, before: AuditPlace, limit: number): AuditEvent[] {
    const place = { atMs: Number(act["at_ms"]), ...numbersOf(act), position: 0 };
    const isCut = place.atMs === before.atMs && place.source === before.source &&
      place.number === before.number;
    const end = isCut ? before.position : Number.MAX_SAFE_INTEGER;
    if (act["kind"] !== "reference-updated") return end === 0 ? [] : [entry(act, place, {})];
    return this.#sql.all(
      "SELECT * FROM audit_changes WHERE partition = ? AND lsn = ? AND position < ?" +
        " ORDER BY position DESC LIMIT ?",
      place.source,
      place.number,
      end,
      limit,
    ).map((row) =>
      entry(act, { ...place, position: Number(row["position"]) }, {
        reference: row["reference"],
        old: oidText(row["old_oid"]),
        new: oidText(row["new_oid"]),
      })
    );
  }
}

function numbersOf(act: SqlRow) {
  return { source: Number(act["partition"]), number: Number(act["lsn"]) };
}

function conditions(
  query: AuditQuery,
  before: AuditPlace,
): { readonly text: string; readonly values: readonly SqlValue[] } {
  const { atMs, source, number } = before;
  const parts: (readonly [string, ...SqlValue[]])[] = [
    ["(at_ms, partition, lsn) <= (?, ?, ?)", atMs, source, number],
  ];
  if (query.repositoryId !== undefined) parts.push(["repository = ?", query.repositoryId]);
  if (query.owner !== undefined) parts.push(["owner = ?", query.owner]);
  if (query.user !== undefined) parts.push(["user = ?", query.user]);
  if (query.sinceMs !== undefined) parts.push(["at_ms >= ?", query.sinceMs]);
  if (query.untilMs !== undefined) parts.push(["at_ms < ?", query.untilMs]);
  return {
    text: parts.map(([text]) => text).join(" AND "),
    values: parts.flatMap(([, ...values]) => values),
  };
}

function entry(
  act: SqlRow,
  place: AuditPlace,
  change: Readonly<Record<string, unknown>>,
): AuditEvent {
  const provenance = act["provenance"];
  const owner = String(act["owner"]);
  const named = act["name"] === "" ? {} : {
    repository: { id: act["repository"] as RepositoryId, name: String(act["name"]) },
    owner,
  };
  return {
    id: auditEventId(place),
    atMs: place.atMs,
    kind: String(act["kind"]),
    ...named,
    ...(provenance === null ? {} : { provenance: JSON.parse(String(provenance)) as Provenance }),
    details: { ...change, ...JSON.parse(String(act["details"])) },
  };
}

function oidText(value: unknown): string | null {
  return value instanceof Uint8Array ? value.toHex() : null;
}
