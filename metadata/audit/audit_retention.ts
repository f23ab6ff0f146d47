/**
 * Forgets what of the audit trail has had its time, and what a partition has too much of.
 *
 * Nothing decides by the trail, so this needs no log entry, and nodes may differ in when they do it.
 *
 * @module
 */

import type { StateDatabase } from "../state/state_database.ts";
import { Statements } from "../state/statements.ts";

/** How much is kept. */
export interface AuditRetention {
  /** Milliseconds; `AUDIT_KEEP_MS` unless told. */
  readonly keepMs?: number;
  /** Rows of a partition, acts and changes together; `AUDIT_ROW_COUNT_MAX` unless told. */
  readonly rowCountMax?: number;
}

/** Acts forgotten in one go. */
const STEP_ACTS = 500;
/** Changes looked at in one go. */
const STEP_CHANGES = 2000;

/** Forgets acts from before a wall time, then the oldest of partitions that keep too many rows. */
export async function forgetAudit(
  database: StateDatabase,
  options: { readonly goneBefore: number; readonly rowCountMax: number },
): Promise<void> {
  const reader = new Statements(database.reader);
  await forgetBefore(database, options.goneBefore);
  const partitions = reader.all(
    "SELECT partition, acts + (SELECT count(*) FROM audit_changes" +
      " WHERE audit_changes.partition = kept.partition) AS rows" +
      " FROM (SELECT partition, count(*) AS acts FROM audit_acts GROUP BY partition) AS kept" +
      " WHERE rows > ?",
    options.rowCountMax,
  );
  for (const row of partitions) {
    await forgetOldest(
      database,
      Number(row["partition"]),
      Number(row["rows"]) - options.rowCountMax,
    );
  }
}

async function forgetBefore(database: StateDatabase, goneBefore: number): Promise<void> {
  const reader = new Statements(database.reader);
  for (;;) {
    const acts = reader.all(
      "SELECT partition, lsn FROM audit_acts WHERE at_ms < ? ORDER BY at_ms LIMIT ?",
      goneBefore,
      STEP_ACTS,
    );
    for (const act of acts) {
      await removeAct(database, { partition: Number(act["partition"]), lsn: Number(act["lsn"]) });
    }
    if (acts.length < STEP_ACTS) return;
  }
}

/** Forgets whole acts until at least so many rows are gone. */
async function forgetOldest(
  database: StateDatabase,
  partition: number,
  rowCount: number,
): Promise<void> {
  const reader = new Statements(database.reader);
  let left = rowCount;
  while (left > 0) {
    const act = reader.get(
      "SELECT lsn FROM audit_acts WHERE partition = ? ORDER BY lsn LIMIT 1",
      partition,
    );
    if (act === undefined) return;
    left -= await removeAct(database, { partition, lsn: Number(act["lsn"]) });
  }
}

/** Removes an act and its changes; answers how many rows these were. */
function removeAct(
  database: StateDatabase,
  at: { readonly partition: number; readonly lsn: number },
): Promise<number> {
  const writer = new Statements(database.writer);
  return database.write(function* () {
    let count = writer.run(
      "DELETE FROM audit_acts WHERE partition = ? AND lsn = ?",
      at.partition,
      at.lsn,
    );
    for (;;) {
      const removed = writer.run(
        "DELETE FROM audit_changes WHERE partition = ?1 AND lsn = ?2 AND position IN" +
          " (SELECT position FROM audit_changes WHERE partition = ?1 AND lsn = ?2 LIMIT ?3)",
        at.partition,
        at.lsn,
        STEP_CHANGES,
      );
      count += removed;
      if (removed < STEP_CHANGES) return count;
      yield;
    }
  });
}
