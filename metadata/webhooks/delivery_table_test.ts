import { deepEqual, equal } from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import type {
  DeliveryState,
  WebhookDelivery,
  WebhookDeliveryId,
  WebhookId,
} from "@gitstratum/core/rpc";
import { StateDatabase } from "../state/state_database.ts";
import { Statements } from "../state/statements.ts";
import { applyWebhooksTold, DeliveryTable, forgetDeliveries } from "./delivery_table.ts";

const hookId = (hook: number) => String(hook).padStart(32, "0") as WebhookId;

function delivery(
  number: number,
  options: { readonly hook?: number; readonly state?: DeliveryState } = {},
): WebhookDelivery {
  const { hook = 1, state = "waiting" } = options;
  return {
    id: `${hook}-${String(number).padStart(8, "0")}` as WebhookDeliveryId,
    webhookId: hookId(hook),
    event: "push",
    lsn: number + 1,
    eventAtMs: number,
    state,
    attempts: 1,
    lastAtMs: number,
    ...(state === "waiting" ? { nextAtMs: number } : {}),
  };
}

/** A database with some deliveries in partitions. */
async function open(rows: Readonly<Record<number, readonly WebhookDelivery[]>>) {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-deliveries-" });
  const database = new StateDatabase(`${directory}/state.sqlite`, new ManualClock());
  const sql = new Statements(database.writer);
  await database.write(function* () {
    for (const [partition, deliveries] of Object.entries(rows)) {
      const record = { kind: "webhooks-told", cursor: 5 as Lsn, deliveries } as const;
      applyWebhooksTold(sql, Number(partition) as Partition, record);
    }
    yield;
  });
  const table = new DeliveryTable(database.reader);
  return {
    database,
    table,
    count: () =>
      Number(
        new Statements(database.reader)
          .get("SELECT count(*) AS count FROM webhook_deliveries")?.["count"],
      ),
    async [Symbol.asyncDispose]() {
      await database.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

Deno.test("waitingWebhooks() answers each webhook with something due once", async () => {
  const many = (hook: number) => Array.from({ length: 50 }, (_, n) => delivery(n, { hook }));
  await using world = await open({
    1: [...many(3), ...many(1), delivery(900, { hook: 2 })],
    2: [...many(1), delivery(5, { hook: 4, state: "dead" })],
  });
  const { table } = world;
  deepEqual(table.waitingWebhooks(100), [hookId(1), hookId(3)]);
  deepEqual(table.waitingWebhooks(900), [hookId(1), hookId(2), hookId(3)]);
  deepEqual(table.waitingWebhooks(-1), []);
  equal(table.waitingCount(hookId(3)), 50);
  equal(table.waitingCount(hookId(4)), 0);
});

Deno.test("applyWebhooksTold() never moves a cursor back", async () => {
  await using world = await open({ 1: [] });
  const { table, database } = world;
  const record = { kind: "webhooks-told", cursor: 3 as Lsn, deliveries: [] } as const;
  await database.write(function* () {
    applyWebhooksTold(new Statements(database.writer), 1 as Partition, record);
    yield;
  });
  deepEqual([table.cursor(1 as Partition), table.cursor(2 as Partition)], [5, 0]);
});

Deno.test("forgetDeliveries() forgets the old, and the oldest of too many, but nothing that waits", async () => {
  const done = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => delivery(from + n, { state: "delivered" }));
  await using world = await open({
    1: [...done(0, 1500), delivery(1, { hook: 2 })],
    2: done(2000, 2010),
    3: [delivery(2, { hook: 2 })],
  });
  const { database, table } = world;
  await forgetDeliveries(database, { goneBefore: 99, countMax: 1300 });
  equal(world.count(), 1300 + 1 + 10 + 1);
  equal(table.find(delivery(200).id)?.state, "delivered");
  equal(table.find(delivery(199).id), undefined);
  equal(table.waitingCount(hookId(2)), 2);
  await forgetDeliveries(database, { goneBefore: 5000, countMax: 1300 });
  equal(world.count(), 2);
});
