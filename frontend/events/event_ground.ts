/**
 * What a frontend asks about events: who did what, who is told of it, and what became of that.
 *
 * @module
 */

import type { AuditTrail, WebhookDeliveries, Webhooks } from "@gitstratum/core/rpc";

/** The services behind the API of events. */
export interface EventGround {
  /** Acts on repositories, accounts and webhooks, newest first. */
  readonly audit: AuditTrail;
  /** Webhooks. */
  readonly webhooks: Webhooks;
  /** What webhooks were told. */
  readonly deliveries: WebhookDeliveries;
}
