/**
 * Deliveries of this node's partitions, listed and made again: what `DeliveriesClient` asks.
 *
 * @module
 */

import { Hono } from "@hono/hono";
import { type Clock, GitStratumError } from "@gitstratum/core";
import {
  DELIVERIES_PATH,
  type DeliveryQuery,
  deliveryQuerySchema,
  partitionOfDelivery,
  readJson,
  replayRequestSchema,
  type WebhookDeliveries,
  type WebhookDelivery,
  type WebhookDeliveryId,
  type WebhookId,
} from "@gitstratum/core/rpc";
import { ALL_PARTITION_NUMBERS, type PartitionTable } from "../partition/partition_table.ts";
import type { DeliveryTable } from "./delivery_table.ts";

/** {@link WebhookDeliveries} over the partitions of which this node is the primary. */
export class LocalDeliveries implements WebhookDeliveries {
  readonly #options: {
    readonly partitions: PartitionTable;
    readonly table: DeliveryTable;
    readonly clock: Pick<Clock, "nowMs">;
  };

  /** Makes them over a node's partitions. */
  constructor(options: {
    readonly partitions: PartitionTable;
    readonly table: DeliveryTable;
    readonly clock: Pick<Clock, "nowMs">;
  }) {
    this.#options = options;
  }

  /** {@inheritDoc WebhookDeliveries.list} */
  list(query: DeliveryQuery): Promise<readonly WebhookDelivery[]> {
    const { partitions, table } = this.#options;
    const { partitions: wanted = ALL_PARTITION_NUMBERS } = query;
    return partitions.readAll(wanted, () => table.page(query, wanted));
  }

  /** {@inheritDoc WebhookDeliveries.replay} The dispatcher finds it due. */
  replay(id: WebhookDeliveryId, webhookId: WebhookId): Promise<WebhookDelivery> {
    const { partitions, table, clock } = this.#options;
    const partition = partitionOfDelivery(id);
    const nextAtMs = Math.floor(clock.nowMs());
    return partitions.submit(partition, () => {
      const known = table.find(id);
      if (known?.webhookId !== webhookId) {
        throw new GitStratumError("not-found", "Find no such delivery", { data: { id } });
      }
      const { event, lsn, eventAtMs } = known;
      const again: WebhookDelivery = {
        ...{ id, webhookId, event, lsn, eventAtMs },
        state: "waiting",
        attempts: 0,
        nextAtMs,
      };
      const cursor = table.cursor(partition);
      return { records: [{ kind: "webhooks-told", cursor, deliveries: [again] }], answer: again };
    });
  }
}

/** Routes for deliveries; whoever mounts them says what errors look like. */
export function deliveryRoutes(deliveries: WebhookDeliveries): Hono {
  const app = new Hono();
  app.post(`${DELIVERIES_PATH}/list`, async (c) => {
    return c.json(await deliveries.list(await readJson(c.req.raw, deliveryQuerySchema)));
  });
  app.post(`${DELIVERIES_PATH}/replay`, async (c) => {
    const { id, webhookId } = await readJson(c.req.raw, replayRequestSchema);
    return c.json(await deliveries.replay(id, webhookId));
  });
  return app;
}
