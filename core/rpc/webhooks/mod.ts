/**
 * Webhooks: who is told of what, how deliveries are signed, listed and repeated.
 *
 * @module
 */

export * from "./webhook.ts";
export * from "./webhook_client.ts";
export * from "./webhook_delivery.ts";
export * from "./webhook_registry.ts";
export * from "./webhook_signature.ts";
