/**
 * Webhooks of one target as the handlers of the API use them: nobody reaches the webhooks of a target
 * over another that they may configure.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError, type Random, WEBHOOK_PAGE_COUNT_MAX } from "@gitstratum/core";
import {
  deliveryPlace,
  type DeliveryState,
  isSameTarget,
  newWebhookId,
  type Provenance,
  type Webhook,
  type WebhookDelivery,
  type WebhookDeliveryId,
  type WebhookId,
  type WebhookTarget,
} from "@gitstratum/core/rpc";
import type { EventGround } from "../events/event_ground.ts";
import type { PageQuery } from "./page.ts";
import type { PageCursors } from "./page_cursor.ts";
import { shownTime } from "./values.ts";
import type {
  createRepositoryWebhook,
  deliverySchema,
  madeWebhookSchema,
  updateRepositoryWebhook,
  webhookSchema,
} from "./webhook_operations.ts";

/** Bytes of a secret that is drawn. */
const SECRET_BYTES = 32;

type Shown = z.output<typeof webhookSchema>;
type ShownDelivery = z.output<typeof deliverySchema>;

/** What a desk works with. */
export interface WebhookDeskOptions {
  /** Where webhooks and deliveries are. */
  readonly events: () => Pick<EventGround, "webhooks" | "deliveries">;
  /** Seals places in listings. */
  readonly cursors: PageCursors;
  /** Draws ids and secrets. */
  readonly random: Random;
}

/** Webhooks of targets. */
export class WebhookDesk {
  readonly #options: WebhookDeskOptions;

  /** Makes a desk. */
  constructor(options: WebhookDeskOptions) {
    this.#options = options;
  }

  /** One page of a target's webhooks. */
  async list(
    target: WebhookTarget,
    query: PageQuery,
  ): Promise<{ webhooks: Shown[]; next?: string }> {
    const { events, cursors } = this.#options;
    const listing = `webhooks ${keyOf(target)}`;
    const limit = Math.min(query.limit, WEBHOOK_PAGE_COUNT_MAX);
    const after = query.after && cursors.open(listing, query.after);
    const found = await events().webhooks.list({
      target,
      limit,
      ...(after === undefined ? {} : { after: after as WebhookId }),
    });
    const last = found.length === limit ? found.at(-1) : undefined;
    return {
      webhooks: found.map(shownWebhook),
      ...(last === undefined ? {} : { next: cursors.seal(listing, last.id) }),
    };
  }

  /** Makes a webhook; the answer alone tells its secret. */
  async create(
    target: WebhookTarget,
    body: z.output<typeof createRepositoryWebhook.shapes.body>,
    provenance: Provenance,
  ): Promise<z.output<typeof madeWebhookSchema>> {
    const { random, events } = this.#options;
    const { secret = random.bytes(SECRET_BYTES).toHex(), ...rest } = body;
    const id = newWebhookId(random);
    const made = await events().webhooks.create({ ...rest, id, target, secret, provenance });
    return { ...shownWebhook(made), secret };
  }

  /** Changes a webhook. @throws `not-found` when it is not the target's */
  async change(
    target: WebhookTarget,
    id: string,
    change: z.output<typeof updateRepositoryWebhook.shapes.body> & {
      readonly provenance: Provenance;
    },
  ): Promise<Shown> {
    const webhook = await this.#find(target, id);
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    const request = { id: webhook.id, ...Object.fromEntries(given) };
    return shownWebhook(await this.#options.events().webhooks.change(request));
  }

  /** Removes a webhook. @throws `not-found` when it is not the target's */
  async remove(target: WebhookTarget, id: string, provenance: Provenance): Promise<undefined> {
    const webhook = await this.#find(target, id);
    await this.#options.events().webhooks.remove({ id: webhook.id, provenance });
  }

  /** One page of deliveries. @throws `not-found` when the webhook is not the target's */
  async deliveries(
    target: WebhookTarget,
    id: string,
    query: PageQuery & { readonly state?: DeliveryState | undefined },
  ): Promise<{ deliveries: ShownDelivery[]; next?: string }> {
    const { events, cursors } = this.#options;
    const { id: webhookId } = await this.#find(target, id);
    const listing = `deliveries ${webhookId}`;
    const limit = Math.min(query.limit, WEBHOOK_PAGE_COUNT_MAX);
    const found = await events().deliveries.list({
      webhookId,
      limit,
      ...(query.state === undefined ? {} : { state: query.state }),
      ...(query.after === undefined ? {} : { before: cursors.open(listing, query.after) }),
    });
    const last = found.length === limit ? found.at(-1) : undefined;
    return {
      deliveries: found.map(shownDelivery),
      ...(last === undefined ? {} : { next: cursors.seal(listing, deliveryPlace(last)) }),
    };
  }

  /**
   * Has a delivery made again. Ids of deliveries are known to their receivers alone, so that whoever
   * names another webhook's learns and does nothing that they could not by being told again.
   *
   * @throws `not-found` when there is none, or the webhook is not the target's
   */
  async replay(target: WebhookTarget, id: string, delivery: string): Promise<ShownDelivery> {
    const webhook = await this.#find(target, id);
    const { deliveries } = this.#options.events();
    return shownDelivery(await deliveries.replay(delivery as WebhookDeliveryId, webhook.id));
  }

  async #find(target: WebhookTarget, id: string): Promise<Webhook> {
    const webhook = await this.#options.events().webhooks.find({ id: id as WebhookId });
    if (isSameTarget(webhook.target, target)) return webhook;
    throw new GitStratumError("not-found", "Find no such webhook", { data: { id } });
  }
}

function keyOf(target: WebhookTarget): string {
  return target.kind === "owner" ? target.owner : target.repositoryId;
}

function shownWebhook({ id, url, events, active, createdAtMs }: Webhook): Shown {
  return { id, url, events: [...events], active, createdAt: shownTime(createdAtMs) };
}

function shownDelivery(delivery: WebhookDelivery): ShownDelivery {
  const { id, event, eventAtMs, state, attempts, nextAtMs, lastAtMs, status, reason } = delivery;
  return {
    id,
    event,
    eventAt: shownTime(eventAtMs),
    state,
    attempts,
    ...(nextAtMs === undefined ? {} : { nextAt: shownTime(nextAtMs) }),
    ...(lastAtMs === undefined ? {} : { lastAt: shownTime(lastAtMs) }),
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
  };
}
