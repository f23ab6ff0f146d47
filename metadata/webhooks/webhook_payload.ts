/**
 * What a receiver is told: headers and body of a delivery.
 *
 * The body follows from the act alone, so every attempt has the same bytes, and a receiver that was
 * told twice can see that.
 *
 * @module
 */

import {
  type SecretWebhook,
  WEBHOOK_SIGNATURE_HEADER,
  type WebhookDelivery,
  type WebhookEventName,
  webhookSignature,
} from "@gitstratum/core/rpc";
import type { FedAct, FedChange } from "./act_feed.ts";

/** What goes over the wire. */
export interface WebhookMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The body of an event. */
export function webhookBody(
  act: FedAct,
  event: WebhookEventName,
  changed: { readonly changes: readonly FedChange[]; readonly changeCount: number },
): Uint8Array {
  const { user, credential, transport } = act.provenance ?? {};
  const { pushId, pushOptions, ...details } = act.details;
  const actor = {
    ...(user === undefined ? {} : { user }),
    ...(credential === undefined ? {} : { by: credential.kind }),
    ...(transport === undefined ? {} : { transport }),
  };
  const push = {
    pushId,
    ...(pushOptions === undefined ? {} : { pushOptions }),
    changes: changed.changes,
    changeCount: changed.changeCount,
  };
  const value = {
    event,
    at: new Date(act.atMs).toISOString(),
    repository: { id: act.repositoryId, name: act.name, owner: act.owner },
    actor,
    ...(event === "repository" ? { action: act.kind, details } : push),
  };
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The message of one attempt. */
export function webhookMessage(
  webhook: SecretWebhook,
  delivery: WebhookDelivery,
  body: Uint8Array,
): WebhookMessage {
  return {
    headers: {
      "content-type": "application/json",
      "user-agent": "GitStratum-Webhook/1",
      "x-gitstratum-event": delivery.event,
      "x-gitstratum-delivery": delivery.id,
      "x-gitstratum-webhook": webhook.id,
      "x-gitstratum-attempt": String(delivery.attempts + 1),
      [WEBHOOK_SIGNATURE_HEADER]: webhookSignature(webhook.secret, body),
    },
    body,
  };
}
