/**
 * The contract of users, owners, tokens, keys and grants: how they are written, listed and followed.
 *
 * @module
 */

export * from "./access.ts";
export * from "./access_call.ts";
export * from "./access_client.ts";
export * from "./access_line.ts";
export * from "./access_watcher.ts";
export * from "./record_schema.ts";
