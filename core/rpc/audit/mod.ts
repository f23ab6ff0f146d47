/**
 * The audit trail: its entries, and how to ask for them.
 *
 * @module
 */

export * from "./audit_client.ts";
export * from "./audit_event.ts";
