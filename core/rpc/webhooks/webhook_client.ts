/**
 * {@link Webhooks} and {@link WebhookDeliveries} over a {@link Fetcher}.
 *
 * @module
 */

import type { z } from "zod";
import { askBasis, type ChangeBasis } from "../control_basis.ts";
import { partitionOfDelivery } from "./webhook_delivery.ts";
import type { Fetcher } from "../fetcher.ts";
import { type ClientOptions, JsonClient } from "../json_client.ts";
import { emptySchema } from "../metadata/metadata_wire.ts";
import { PartitionRouter, type PartitionRouterOptions } from "../metadata/partition_router.ts";
import { callPrimaries } from "../metadata/primaries.ts";
import {
  type ChangeWebhookRequest,
  type CreateWebhookRequest,
  type Webhook,
  type WebhookId,
  type WebhookListQuery,
  type WebhookRequest,
  type Webhooks,
  webhookSchema,
} from "./webhook.ts";
import {
  deliveryPageSchema,
  deliveryPlace,
  type DeliveryQuery,
  type WebhookDeliveries,
  type WebhookDelivery,
  type WebhookDeliveryId,
  webhookDeliverySchema,
} from "./webhook_delivery.ts";

/** Where the control plane answers; the call's name follows. */
export const WEBHOOKS_PATH = "/control/v1/webhooks";
/** Where the metadata cluster answers; the call's name follows. */
export const DELIVERIES_PATH = "/metadata/v1/deliveries";

const pageSchema: z.ZodType<readonly Webhook[]> = webhookSchema.array();

/** Where a control node tells the basis of a call. */
export const WEBHOOKS_BASIS_PATH: string = `${WEBHOOKS_PATH}/basis`;

/** Asks the control plane. A change without a basis gets the newest one. */
export class WebhookClient implements Webhooks {
  readonly #client: JsonClient;

  /** Asks the service behind `fetcher`. */
  constructor(fetcher: Fetcher, options: { readonly baseUrl?: string } = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** The basis of a call that is made now, wherever. @throws `unavailable` */
  basis(): Promise<ChangeBasis> {
    return askBasis(this.#client, WEBHOOKS_BASIS_PATH);
  }

  /** {@inheritDoc Webhooks.create} */
  async create(request: CreateWebhookRequest): Promise<Webhook> {
    return await this.#ask("create", await this.#based(request), webhookSchema);
  }

  /** {@inheritDoc Webhooks.change} */
  async change(request: ChangeWebhookRequest): Promise<Webhook> {
    return await this.#ask("change", await this.#based(request), webhookSchema);
  }

  /** {@inheritDoc Webhooks.remove} */
  async remove(request: WebhookRequest): Promise<void> {
    await this.#ask("remove", await this.#based(request), emptySchema);
  }

  /** {@inheritDoc Webhooks.find} */
  find(request: WebhookRequest): Promise<Webhook> {
    return this.#ask("find", request, webhookSchema);
  }

  /** {@inheritDoc Webhooks.list} */
  list(query: WebhookListQuery): Promise<readonly Webhook[]> {
    return this.#ask("list", query, pageSchema);
  }

  async #based<T extends ChangeBasis>(request: T): Promise<T & ChangeBasis> {
    return request.basis === undefined ? { ...await this.basis(), ...request } : request;
  }

  #ask<T>(name: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#client.call(`${WEBHOOKS_PATH}/${name}`, { body, schema });
  }
}

/** Asks one metadata node for deliveries of its partitions. */
export class DeliveriesClient implements WebhookDeliveries {
  readonly #client: JsonClient;

  /** Asks the service behind `fetcher`. */
  constructor(fetcher: Fetcher, options: ClientOptions = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** {@inheritDoc WebhookDeliveries.list} */
  list(query: DeliveryQuery): Promise<readonly WebhookDelivery[]> {
    return this.#client.call(`${DELIVERIES_PATH}/list`, {
      body: query,
      schema: deliveryPageSchema,
    });
  }

  /** {@inheritDoc WebhookDeliveries.replay} */
  replay(id: WebhookDeliveryId, webhookId: WebhookId): Promise<WebhookDelivery> {
    return this.#client.call(`${DELIVERIES_PATH}/replay`, {
      body: { id, webhookId },
      schema: webhookDeliverySchema,
    });
  }
}

/** Asks every primary of the metadata cluster for its own partitions. */
export class RoutedDeliveries implements WebhookDeliveries {
  readonly #router: PartitionRouter;

  /** Makes a client of the cluster that a topology describes; nothing is sent yet. */
  constructor(options: PartitionRouterOptions) {
    this.#router = new PartitionRouter(options);
  }

  /** {@inheritDoc WebhookDeliveries.list} */
  async list(query: DeliveryQuery): Promise<readonly WebhookDelivery[]> {
    const pages = await callPrimaries(this.#router, query.partitions, (target, partitions) => {
      const { fetcher, baseUrl, signal } = target;
      const client = new DeliveriesClient(fetcher, { baseUrl, signal });
      return client.list({ ...query, partitions });
    });
    return pages.flat().sort((a, b) => deliveryPlace(a) > deliveryPlace(b) ? -1 : 1)
      .slice(0, query.limit);
  }

  /** {@inheritDoc WebhookDeliveries.replay} */
  replay(id: WebhookDeliveryId, webhookId: WebhookId): Promise<WebhookDelivery> {
    return this.#router.call(partitionOfDelivery(id), ({ fetcher, baseUrl, signal }) => {
      const client = new DeliveriesClient(fetcher, { baseUrl, signal });
      return client.replay(id, webhookId);
    });
  }
}
