/**
 * One event on its way to one webhook: what became of it, and how to ask for it again.
 *
 * A delivery's id follows from the event and the webhook, so whoever delivers twice, by mistake or
 * because it was asked to, says so by the id. It begins with the partition that keeps it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Lsn, Partition } from "../../consensus/log.ts";
import { PARTITION_COUNT, WEBHOOK_PAGE_COUNT_MAX } from "../../limits.ts";
import {
  WEBHOOK_EVENTS,
  type WebhookEventName,
  type WebhookId,
  webhookIdSchema,
} from "./webhook.ts";

/** 4 hexadecimal digits of the partition, 28 of a digest. */
export type WebhookDeliveryId = string & { readonly __brand: "WebhookDeliveryId" };

/** Where a delivery stands: to be tried, taken by its receiver, or given up. */
export const DELIVERY_STATES = ["waiting", "delivered", "dead"] as const;

/** One of {@link DELIVERY_STATES}. */
export type DeliveryState = typeof DELIVERY_STATES[number];

/** What is known of a delivery. */
export interface WebhookDelivery {
  /** Also what its receiver is told, with each attempt. */
  readonly id: WebhookDeliveryId;
  /** To which webhook. */
  readonly webhookId: WebhookId;
  /** Of what. */
  readonly event: WebhookEventName;
  /** The act in the partition's log. */
  readonly lsn: number;
  /** Wall time of the act in milliseconds. */
  readonly eventAtMs: number;
  /** Where it stands. */
  readonly state: DeliveryState;
  /** Attempts since it was last asked for. */
  readonly attempts: number;
  /** Wall time from which on it is tried again; while it waits. */
  readonly nextAtMs?: number;
  /** Wall time of the last attempt. */
  readonly lastAtMs?: number;
  /** What the receiver answered to it. */
  readonly status?: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** Which deliveries to list. */
export interface DeliveryQuery {
  /** Of which webhook. */
  readonly webhookId: WebhookId;
  /** In which state; any when absent. */
  readonly state?: DeliveryState;
  /** Those before this place: {@link deliveryPlace} of the last one of the page before. */
  readonly before?: string;
  /** At most so many. */
  readonly limit: number;
  /** Only what these partitions keep; all when absent. */
  readonly partitions?: readonly Partition[];
}

/** Deliveries of all webhooks. */
export interface WebhookDeliveries {
  /** Deliveries, the newest event first. A page that is not full is the last. */
  list(query: DeliveryQuery): Promise<readonly WebhookDelivery[]>;
  /**
   * Has a delivery made again, under the same id.
   *
   * @throws `not-found` when there is none, or it is not that webhook's
   */
  replay(id: WebhookDeliveryId, webhookId: WebhookId): Promise<WebhookDelivery>;
}

/** The id of a delivery. */
export function webhookDeliveryId(
  event: { readonly partition: Partition; readonly lsn: Lsn; readonly event: WebhookEventName },
  webhookId: WebhookId,
): WebhookDeliveryId {
  const { partition, lsn } = event;
  const text = `${partition} ${lsn} ${event.event} ${webhookId}`;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 28);
  return `${partition.toString(16).padStart(4, "0")}${digest}` as WebhookDeliveryId;
}

/** The partition that keeps a delivery; 0 for an id of no partition, which keeps none like it. */
export function partitionOfDelivery(id: WebhookDeliveryId): Partition {
  const partition = parseInt(id.slice(0, 4), 16);
  return (partition < PARTITION_COUNT ? partition : 0) as Partition;
}

/** Where a delivery stands in listings; places sort as text. */
export function deliveryPlace({ eventAtMs, id }: WebhookDelivery): string {
  return `${String(eventAtMs).padStart(15, "0")}-${id}`;
}

const id = z.string().regex(/^[0-9a-f]{32}$/).transform((text) => text as WebhookDeliveryId);
const time = z.number().int().nonnegative();

/** Schema of {@link WebhookDelivery}. */
export const webhookDeliverySchema: z.ZodType<WebhookDelivery> = z.object({
  id,
  webhookId: webhookIdSchema,
  event: z.enum(WEBHOOK_EVENTS),
  lsn: z.number().int().positive(),
  eventAtMs: time,
  state: z.enum(DELIVERY_STATES),
  attempts: z.number().int().nonnegative(),
  nextAtMs: time.optional(),
  lastAtMs: time.optional(),
  status: z.number().int().optional(),
  reason: z.string().max(500).optional(),
}) as unknown as z.ZodType<WebhookDelivery>;

/** Schema of a page of deliveries. */
export const deliveryPageSchema: z.ZodType<readonly WebhookDelivery[]> = z.array(
  webhookDeliverySchema,
);

/** Schema of {@link DeliveryQuery}. */
export const deliveryQuerySchema: z.ZodType<DeliveryQuery> = z.object({
  webhookId: webhookIdSchema,
  state: z.enum(DELIVERY_STATES).optional(),
  before: z.string().regex(/^[0-9]{15}-[0-9a-f]{32}$/).optional(),
  limit: z.number().int().min(1).max(WEBHOOK_PAGE_COUNT_MAX),
  partitions: z.array(z.number().int().min(0).max(PARTITION_COUNT - 1)).max(PARTITION_COUNT)
    .optional(),
}) as unknown as z.ZodType<DeliveryQuery>;

/** A delivery, and the webhook that it is to. */
export interface ReplayRequest {
  /** Which. */
  readonly id: WebhookDeliveryId;
  /** To which webhook. */
  readonly webhookId: WebhookId;
}

/** Schema of {@link ReplayRequest}. */
export const replayRequestSchema: z.ZodType<ReplayRequest> = z.object({
  id,
  webhookId: webhookIdSchema,
});
