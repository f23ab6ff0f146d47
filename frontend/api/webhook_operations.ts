/**
 * What may be asked about webhooks, of a repository and of an owner alike.
 *
 * @module
 */

import { z } from "zod";
import { DELIVERY_STATES, WEBHOOK_EVENTS } from "@gitstratum/core/rpc";
import { apiOperation } from "./api_operation.ts";
import { accountName, recordId, REPOSITORY_PATH } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";

const TAG = "webhooks";
const OF_REPOSITORY = { on: "repository", operation: "configure" } as const;
const OF_OWNER = { on: "owner", operation: "manage-members" } as const;
const OWNER_PATH = { owner: accountName };

const url = z.string().max(2000).describe("Where events are posted to, http or https");
const events = z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length);
const secret = z.string().min(16).max(256).describe("Key of the signatures; drawn when absent");

/** A webhook as it is shown. */
export const webhookSchema = z.strictObject({
  id: z.string(),
  url,
  events,
  active: z.boolean().describe("An inactive one is told nothing, not even later"),
  createdAt: z.iso.datetime(),
}).meta({ title: "Webhook" });

/** A webhook that was made. */
export const madeWebhookSchema = z.strictObject({
  ...webhookSchema.shape,
  secret: z.string().describe("The only place where it stands"),
}).meta({ title: "MadeWebhook" });

/** What a webhook was told, or is to be told. */
export const deliverySchema = z.strictObject({
  id: z.string(),
  event: z.enum(WEBHOOK_EVENTS),
  eventAt: z.iso.datetime(),
  state: z.enum(DELIVERY_STATES).describe("`dead` was given up, and may be replayed"),
  attempts: z.number().int(),
  nextAt: z.iso.datetime().optional(),
  lastAt: z.iso.datetime().optional(),
  status: z.number().int().optional().describe("What the receiver answered last"),
  reason: z.string().optional().describe("Why the last attempt failed"),
}).meta({ title: "Delivery" });

const newWebhook = z.strictObject({
  url,
  events,
  active: z.boolean().default(true),
  secret: secret.optional(),
}).meta({ title: "NewWebhook" });

const webhookChange = z.strictObject({
  url: url.optional(),
  events: events.optional(),
  active: z.boolean().optional(),
  secret: secret.optional(),
}).meta({ title: "WebhookChange" });

const deliveryQuery = {
  ...PAGE_QUERY,
  state: z.enum(DELIVERY_STATES).optional().describe("Only those in this state"),
};

/** Lists webhooks of a repository. */
export const listRepositoryWebhooks = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/webhooks",
  summary: "List the webhooks of a repository",
  asks: OF_REPOSITORY,
  names: REPOSITORY_PATH,
  query: PAGE_QUERY,
  answer: pageOf("webhooks", webhookSchema),
});

/** Makes a webhook of a repository. */
export const createRepositoryWebhook = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos/{owner}/{name}/webhooks",
  summary: "Make a webhook that is told of what happens to a repository",
  asks: OF_REPOSITORY,
  names: REPOSITORY_PATH,
  status: 201,
  body: newWebhook,
  answer: madeWebhookSchema,
});

/** Changes a webhook of a repository. */
export const updateRepositoryWebhook = apiOperation({
  tag: TAG,
  method: "PATCH",
  path: "/repos/{owner}/{name}/webhooks/{id}",
  summary: "Change a webhook of a repository",
  asks: OF_REPOSITORY,
  names: { ...REPOSITORY_PATH, id: recordId },
  body: webhookChange,
  answer: webhookSchema,
});

/** Removes a webhook of a repository. */
export const deleteRepositoryWebhook = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/repos/{owner}/{name}/webhooks/{id}",
  summary: "Remove a webhook of a repository; what it was not told yet, it is not told any more",
  asks: OF_REPOSITORY,
  names: { ...REPOSITORY_PATH, id: recordId },
});

/** Lists what a webhook of a repository was told. */
export const listRepositoryDeliveries = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/webhooks/{id}/deliveries",
  summary: "List what a webhook of a repository was told, the newest first",
  asks: OF_REPOSITORY,
  names: { ...REPOSITORY_PATH, id: recordId },
  query: deliveryQuery,
  answer: pageOf("deliveries", deliverySchema),
});

/** Has a webhook of a repository told again. */
export const replayRepositoryDelivery = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos/{owner}/{name}/webhooks/{id}/deliveries/{delivery}/replay",
  summary: "Have a delivery of a repository's webhook made again, under the same id",
  asks: OF_REPOSITORY,
  names: { ...REPOSITORY_PATH, id: recordId, delivery: recordId },
  status: 202,
  answer: deliverySchema,
});

/** Lists webhooks of an owner. */
export const listOwnerWebhooks = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/owners/{owner}/webhooks",
  summary: "List the webhooks for all repositories of an owner",
  asks: OF_OWNER,
  names: OWNER_PATH,
  query: PAGE_QUERY,
  answer: pageOf("webhooks", webhookSchema),
});

/** Makes a webhook of an owner. */
export const createOwnerWebhook = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/owners/{owner}/webhooks",
  summary: "Make a webhook that is told of what happens to all repositories of an owner",
  asks: OF_OWNER,
  names: OWNER_PATH,
  status: 201,
  body: newWebhook,
  answer: madeWebhookSchema,
});

/** Changes a webhook of an owner. */
export const updateOwnerWebhook = apiOperation({
  tag: TAG,
  method: "PATCH",
  path: "/owners/{owner}/webhooks/{id}",
  summary: "Change a webhook of an owner",
  asks: OF_OWNER,
  names: { ...OWNER_PATH, id: recordId },
  body: webhookChange,
  answer: webhookSchema,
});

/** Removes a webhook of an owner. */
export const deleteOwnerWebhook = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/owners/{owner}/webhooks/{id}",
  summary: "Remove a webhook of an owner; what it was not told yet, it is not told any more",
  asks: OF_OWNER,
  names: { ...OWNER_PATH, id: recordId },
});

/** Lists what a webhook of an owner was told. */
export const listOwnerDeliveries = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/owners/{owner}/webhooks/{id}/deliveries",
  summary: "List what a webhook of an owner was told, the newest first",
  asks: OF_OWNER,
  names: { ...OWNER_PATH, id: recordId },
  query: deliveryQuery,
  answer: pageOf("deliveries", deliverySchema),
});

/** Has a webhook of an owner told again. */
export const replayOwnerDelivery = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/owners/{owner}/webhooks/{id}/deliveries/{delivery}/replay",
  summary: "Have a delivery of an owner's webhook made again, under the same id",
  asks: OF_OWNER,
  names: { ...OWNER_PATH, id: recordId, delivery: recordId },
  status: 202,
  answer: deliverySchema,
});
