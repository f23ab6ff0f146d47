/**
 * What became of requests that changed a repository, for callers who ask again with the same id: rows of
 * the table `pushes`, which holds all of them beside the pushes.
 *
 * @module
 */

import type { Lsn } from "@gitstratum/core/consensus";
import type { LogRecord, PushRecord } from "../log/log_record.ts";
import type { Statements } from "./statements.ts";

/** A request that was carried out. */
type Outcome = Pick<PushRecord, "atMs" | "commandCount" | "rejections"> & {
  readonly pushId: string;
  readonly provenance?: PushRecord["provenance"] | undefined;
};

/** The request that a record is the outcome of; undefined for one that nobody asks for again. */
export function outcomeOf(record: LogRecord): Outcome | undefined {
  if (record.kind === "push") return record;
  if (!("requestId" in record) || record.requestId === undefined) return undefined;
  const { atMs, requestId: pushId } = record;
  const provenance = "provenance" in record ? record.provenance : undefined;
  return { atMs, provenance, pushId, commandCount: 0, rejections: [] };
}

/** Notes an outcome. */
export function noteOutcome(
  sql: Statements,
  outcome: Outcome,
  at: { readonly repositoryNumber: number; readonly lsn: Lsn },
): void {
  sql.run(
    // Nodes forget outcomes at different times: one may still hold what another has let go.
    "INSERT OR REPLACE INTO pushes VALUES (?, ?, ?, ?, ?, ?, ?)",
    at.repositoryNumber,
    outcome.pushId,
    at.lsn,
    outcome.atMs,
    outcome.commandCount,
    JSON.stringify(outcome.rejections),
    JSON.stringify(outcome.provenance ?? {}),
  );
}
