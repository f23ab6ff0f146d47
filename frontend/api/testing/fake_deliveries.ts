/**
 * Deliveries of webhooks in memory, for tests of the API alone.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import {
  deliveryPlace,
  type DeliveryQuery,
  type WebhookDeliveries,
  type WebhookDelivery,
  type WebhookDeliveryId,
  type WebhookId,
} from "@gitstratum/core/rpc";

/** What webhooks were told, as a test says. */
export class FakeDeliveries implements WebhookDeliveries {
  readonly #deliveries = new Map<string, WebhookDelivery>();

  /** Adds a delivery that was given up; answers its id. */
  add(webhookId: string, number: number): string {
    const id = number.toString(16).padStart(32, "0") as WebhookDeliveryId;
    this.#deliveries.set(id, {
      id,
      webhookId: webhookId as WebhookId,
      event: "push",
      lsn: number,
      eventAtMs: number,
      state: "dead",
      attempts: 9,
      lastAtMs: number,
      status: 500,
      reason: "the receiver answered 500",
    });
    return id;
  }

  list(query: DeliveryQuery): Promise<readonly WebhookDelivery[]> {
    const found = [...this.#deliveries.values()].filter((one) =>
      one.webhookId === query.webhookId && (query.state ?? one.state) === one.state &&
      (query.before === undefined || deliveryPlace(one) < query.before)
    );
    found.sort((a, b) => deliveryPlace(a) > deliveryPlace(b) ? -1 : 1);
    return Promise.resolve(found.slice(0, query.limit));
  }

  replay(id: WebhookDeliveryId, webhookId: WebhookId): Promise<WebhookDelivery> {
    const found = this.#deliveries.get(id);
    if (found?.webhookId !== webhookId) {
      return Promise.reject(new GitStratumError("not-found", "Find no such delivery"));
    }
    const replayed = { ...found, state: "waiting", attempts: 0, nextAtMs: 0 } as const;
    this.#deliveries.set(id, replayed);
    return Promise.resolve(replayed);
  }
}
