/**
 * Webhooks: who wants to be told of what, and where.
 *
 * @module
 */

import { z } from "zod";
import { parseEgressUrl } from "../../egress/egress.ts";
import { WEBHOOK_PAGE_COUNT_MAX } from "../../limits.ts";
import { type Random, randomId } from "../../random.ts";
import { parseRepositoryId, type RepositoryId } from "../ids.ts";
import { basisSchema, type ChangeBasis } from "../control_basis.ts";
import { type Provenance, provenanceSchema } from "../metadata/provenance.ts";

/** 32 hexadecimal digits. */
export type WebhookId = string & { readonly __brand: "WebhookId" };

/**
 * What a webhook may be told of: pushes that changed references, the references among them that were
 * made or deleted, and what is done to repositories themselves.
 */
export const WEBHOOK_EVENTS = ["push", "create", "delete", "repository"] as const;

/** One of {@link WEBHOOK_EVENTS}. */
export type WebhookEventName = typeof WEBHOOK_EVENTS[number];

/** Whose events. */
export type WebhookTarget =
  | { readonly kind: "repository"; readonly repositoryId: RepositoryId }
  /** All repositories whose names begin with the owner. */
  | { readonly kind: "owner"; readonly owner: string };

/** A webhook as it is shown: without its secret. */
export interface Webhook {
  /** Drawn by who made it. */
  readonly id: WebhookId;
  /** Whose events. */
  readonly target: WebhookTarget;
  /** Where they are posted to. */
  readonly url: string;
  /** Which. */
  readonly events: readonly WebhookEventName[];
  /** An inactive one is told nothing, not even later. */
  readonly active: boolean;
  /** Wall time in milliseconds; what came before is none of its business. */
  readonly createdAtMs: number;
}

/** A webhook as it is stored. */
export interface SecretWebhook extends Webhook {
  /** Key of the signatures. Never shown. */
  readonly secret: string;
}

/** A webhook that is to be made. */
export interface CreateWebhookRequest extends Omit<SecretWebhook, "createdAtMs">, ChangeBasis {
  /** Who asks for it. */
  readonly provenance?: Provenance;
}

/** What is to become of a webhook; what is absent stays. */
export interface ChangeWebhookRequest extends ChangeBasis {
  /** Which. */
  readonly id: WebhookId;
  /** Where to. */
  readonly url?: string;
  /** Key of the signatures from now on. */
  readonly secret?: string;
  /** Which events. */
  readonly events?: readonly WebhookEventName[];
  /** Whether it is told. */
  readonly active?: boolean;
  /** Who asks for it. */
  readonly provenance?: Provenance;
}

/** A webhook by its id. */
export interface WebhookRequest extends ChangeBasis {
  /** Which. */
  readonly id: WebhookId;
  /** Who asks for it. */
  readonly provenance?: Provenance;
}

/** Which webhooks to list. */
export interface WebhookListQuery {
  /** Those of this target; all when absent. */
  readonly target?: WebhookTarget;
  /** Those after this id. */
  readonly after?: WebhookId;
  /** At most so many. */
  readonly limit: number;
}

/**
 * Who keeps webhooks. Whether somebody may is decided by who calls. Every call may be repeated; one that
 * has a basis takes effect once at most, and rejects with `conflict` when the webhook was touched since.
 */
export interface Webhooks {
  /** Makes one. @throws `invalid`, `exhausted` when the target or the server has too many */
  create(request: CreateWebhookRequest): Promise<Webhook>;
  /** Changes one. @throws `not-found`, `invalid` */
  change(request: ChangeWebhookRequest): Promise<Webhook>;
  /** Removes one; what it was not told yet, it is not told any more. @throws `not-found` */
  remove(request: WebhookRequest): Promise<void>;
  /** One by its id. @throws `not-found` */
  find(request: WebhookRequest): Promise<Webhook>;
  /** In the order of their ids. */
  list(query: WebhookListQuery): Promise<readonly Webhook[]>;
}

/** Draws the id of a new webhook. */
export const newWebhookId = (random: Random): WebhookId => randomId(random) as WebhookId;

/** Schema of a webhook's id. */
export const webhookIdSchema: z.ZodType<WebhookId> = z.string().regex(/^[0-9a-f]{32}$/)
  .transform((text) => text as WebhookId) as unknown as z.ZodType<WebhookId>;

const url = z.string().superRefine((text, context) => {
  try {
    parseEgressUrl(text);
  } catch (error) {
    const reason = (error as { readonly data?: { readonly reason?: string } }).data?.reason;
    context.addIssue({ code: "custom", message: reason ?? String(error) });
  }
});
const secret = z.string().min(16).max(256);
const events = z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length);

/** Schema of {@link WebhookTarget}. */
export const webhookTargetSchema: z.ZodType<WebhookTarget> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("repository"),
    repositoryId: z.string().regex(/^[0-9a-f]{32}$/).transform(parseRepositoryId),
  }),
  z.object({ kind: z.literal("owner"), owner: z.string().min(1).max(120) }),
]) as unknown as z.ZodType<WebhookTarget>;

const shape = {
  id: webhookIdSchema,
  target: webhookTargetSchema,
  url,
  events,
  active: z.boolean(),
};

/** Schema of {@link Webhook}. */
export const webhookSchema: z.ZodType<Webhook> = z.object({
  ...shape,
  createdAtMs: z.number().int().nonnegative(),
});

/** Schema of {@link SecretWebhook}. */
export const secretWebhookSchema: z.ZodType<SecretWebhook> = z.looseObject({
  ...shape,
  secret,
  createdAtMs: z.number().int().nonnegative(),
});

/** Schema of {@link CreateWebhookRequest}. */
export const createWebhookSchema: z.ZodType<CreateWebhookRequest> = z.object({
  ...shape,
  secret,
  provenance: provenanceSchema.optional(),
  basis: basisSchema.optional(),
}) as unknown as z.ZodType<CreateWebhookRequest>;

/** Schema of {@link ChangeWebhookRequest}. */
export const changeWebhookSchema: z.ZodType<ChangeWebhookRequest> = z.object({
  id: webhookIdSchema,
  url: url.optional(),
  secret: secret.optional(),
  events: events.optional(),
  active: z.boolean().optional(),
  provenance: provenanceSchema.optional(),
  basis: basisSchema.optional(),
}) as unknown as z.ZodType<ChangeWebhookRequest>;

/** Schema of {@link WebhookRequest}. */
export const webhookRequestSchema: z.ZodType<WebhookRequest> = z.object({
  id: webhookIdSchema,
  provenance: provenanceSchema.optional(),
  basis: basisSchema.optional(),
}) as unknown as z.ZodType<WebhookRequest>;

/** Schema of {@link WebhookListQuery}. */
export const webhookListSchema: z.ZodType<WebhookListQuery> = z.object({
  target: webhookTargetSchema.optional(),
  after: webhookIdSchema.optional(),
  limit: z.number().int().min(1).max(WEBHOOK_PAGE_COUNT_MAX),
}) as unknown as z.ZodType<WebhookListQuery>;

/** A stored webhook without its secret. */
export function shownWebhook(webhook: SecretWebhook): Webhook {
  const { secret: _, ...shown } = webhook;
  return shown;
}

/** Whether two targets are the same. */
export function isSameTarget(one: WebhookTarget, other: WebhookTarget): boolean {
  if (one.kind === "owner") return other.kind === "owner" && one.owner === other.owner;
  return other.kind === "repository" && one.repositoryId === other.repositoryId;
}
