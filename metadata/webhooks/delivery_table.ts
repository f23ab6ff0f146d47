/**
 * Deliveries in the tables: written as the log says, read by whoever delivers or lists.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import {
  DELIVERY_STATES,
  type DeliveryQuery,
  type WebhookDelivery,
  type WebhookDeliveryId,
  type WebhookEventName,
  type WebhookId,
} from "@gitstratum/core/rpc";
import type { LogRecord } from "../log/log_record.ts";
import type { StateDatabase } from "../state/state_database.ts";
import { type SqlRow, type SqlValue, Statements } from "../state/statements.ts";

/** The log record that says what webhooks were told. */
export type WebhooksTold = LogRecord & { readonly kind: "webhooks-told" };

/** Writes a record's deliveries and moves the partition's cursor, never back. */
export function applyWebhooksTold(
  sql: Statements,
  partition: Partition,
  record: WebhooksTold,
): void {
  for (const delivery of record.deliveries) {
    sql.run(
      "INSERT OR REPLACE INTO webhook_deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      delivery.id,
      partition,
      delivery.webhookId,
      delivery.event,
      delivery.lsn,
      delivery.eventAtMs,
      DELIVERY_STATES.indexOf(delivery.state),
      delivery.attempts,
      delivery.nextAtMs ?? null,
      delivery.lastAtMs ?? null,
      delivery.status ?? null,
      delivery.reason ?? null,
    );
  }
  sql.run(
    "INSERT INTO webhook_cursors VALUES (?, ?)" +
      " ON CONFLICT DO UPDATE SET lsn = max(lsn, excluded.lsn)",
    partition,
    record.cursor,
  );
}

/** Deliveries forgotten in one slice. */
const FORGET_COUNT = 1000;

/**
 * Forgets deliveries that were made or given up before a wall time, and the oldest of those that a
 * partition has too many of.
 */
export async function forgetDeliveries(
  database: StateDatabase,
  options: { readonly goneBefore: number; readonly countMax: number },
): Promise<void> {
  const { goneBefore, countMax } = options;
  await forgetSome(
    database,
    "SELECT delivery FROM webhook_deliveries WHERE state != 0" +
      " AND last_at_ms <= ?",
    [goneBefore],
  );
  const crowded = new Statements(database.reader).all(
    "SELECT partition FROM webhook_deliveries WHERE state != 0 GROUP BY partition" +
      " HAVING count(*) > ?",
    countMax,
  );
  for (const { partition } of crowded) {
    await forgetSome(
      database,
      "SELECT delivery FROM (SELECT delivery FROM webhook_deliveries" +
        " WHERE partition = ? AND state != 0 ORDER BY last_at_ms DESC, delivery LIMIT -1 OFFSET ?)",
      [
        Number(partition),
        countMax,
      ],
    );
  }
}

/** Forgets what a query selects, in slices. */
async function forgetSome(
  database: StateDatabase,
  selection: string,
  values: readonly number[],
): Promise<void> {
  const writer = new Statements(database.writer);
  await database.write(function* () {
    for (;;) {
      const count = writer.run(
        `DELETE FROM webhook_deliveries WHERE delivery IN (${selection} LIMIT ?)`,
        ...values,
        FORGET_COUNT,
      );
      if (count < FORGET_COUNT) return;
      yield;
    }
  });
}

/** Reads deliveries through a connection that does not write. */
export class DeliveryTable {
  readonly #sql: Statements;

  /** Makes a table over a connection. */
  constructor(database: DatabaseSync) {
    this.#sql = new Statements(database);
  }

  /** How far a partition's acts were looked at. */
  cursor(partition: Partition): Lsn {
    const row = this.#sql.get("SELECT lsn FROM webhook_cursors WHERE partition = ?", partition);
    return Number(row?.["lsn"] ?? 0) as Lsn;
  }

  /** A delivery by its id. */
  find(id: WebhookDeliveryId): WebhookDelivery | undefined {
    const row = this.#sql.get("SELECT * FROM webhook_deliveries WHERE delivery = ?", id);
    return row && deliveryOf(row);
  }

  /** Webhooks with deliveries that are due. Costs by webhooks, not by deliveries. */
  waitingWebhooks(nowMs: number): WebhookId[] {
    // Each step asks the index for the next webhook, past all the deliveries of the one before.
    return this.#sql.all(
      "WITH RECURSIVE waiting (id) AS (SELECT min(webhook) FROM webhook_deliveries WHERE state = 0" +
        " UNION ALL SELECT (SELECT min(webhook) FROM webhook_deliveries WHERE state = 0" +
        " AND webhook > waiting.id) FROM waiting WHERE waiting.id IS NOT NULL)" +
        " SELECT id FROM waiting WHERE id IS NOT NULL AND (SELECT min(next_at_ms)" +
        " FROM webhook_deliveries WHERE state = 0 AND webhook = id) <= ?",
      nowMs,
    ).map((row) => row["id"] as WebhookId);
  }

  /** How many deliveries of a webhook wait, on this node. */
  waitingCount(webhookId: WebhookId): number {
    const row = this.#sql.get(
      "SELECT count(*) AS count FROM webhook_deliveries WHERE webhook = ? AND state = 0",
      webhookId,
    );
    return Number(row?.["count"]);
  }

  /** Deliveries of a webhook that are due, those that wait longest first. */
  due(
    webhookId: WebhookId,
    options: {
      readonly nowMs: number;
      readonly partitions: readonly Partition[];
      readonly limit: number;
    },
  ): WebhookDelivery[] {
    return this.#sql.all(
      "SELECT * FROM webhook_deliveries WHERE webhook = ? AND state = 0 AND next_at_ms <= ?" +
        " AND +partition IN (SELECT value FROM json_each(?)) ORDER BY next_at_ms LIMIT ?",
      webhookId,
      options.nowMs,
      JSON.stringify(options.partitions),
      options.limit,
    ).map(deliveryOf);
  }

  /** A page of a webhook's deliveries, the newest event first. */
  page(query: DeliveryQuery, partitions: readonly Partition[]): WebhookDelivery[] {
    const [time, id] = query.before?.split("-") ?? [String(Number.MAX_SAFE_INTEGER), "g"];
    const values: SqlValue[] = [query.webhookId, Number(time), id!, JSON.stringify(partitions)];
    if (query.state !== undefined) values.push(DELIVERY_STATES.indexOf(query.state));
    return this.#sql.all(
      "SELECT * FROM webhook_deliveries WHERE webhook = ? AND (event_at_ms, delivery) < (?, ?)" +
        " AND +partition IN (SELECT value FROM json_each(?))" +
        `${query.state === undefined ? "" : " AND state = ?"}` +
        " ORDER BY event_at_ms DESC, delivery DESC LIMIT ?",
      ...values,
      query.limit,
    ).map(deliveryOf);
  }
}

function deliveryOf(row: SqlRow): WebhookDelivery {
  const optional = (name: string, column: string) =>
    row[column] === null ? {} : { [name]: row[column] };
  return {
    id: row["delivery"] as WebhookDeliveryId,
    webhookId: row["webhook"] as WebhookId,
    event: row["event"] as WebhookEventName,
    lsn: Number(row["lsn"]),
    eventAtMs: Number(row["event_at_ms"]),
    state: DELIVERY_STATES[Number(row["state"])]!,
    attempts: Number(row["attempts"]),
    ...optional("nextAtMs", "next_at_ms"),
    ...optional("lastAtMs", "last_at_ms"),
    ...optional("status", "status"),
    ...optional("reason", "reason"),
  };
}
