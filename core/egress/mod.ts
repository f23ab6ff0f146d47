/**
 * Requests to addresses that users chose, and which addresses those may be.
 *
 * @module
 */

export * from "./egress.ts";
export * from "./network_address.ts";
export * from "./network_egress.ts";
