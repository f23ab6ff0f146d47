/**
 * The contracts between clusters: who may ask whom for what, in which shape.
 *
 * @module
 */

export * from "./body.ts";
export * from "./error_response.ts";
export * from "./extent_client.ts";
export * from "./extent_store.ts";
export * from "./extent_wire.ts";
export * from "./fetcher.ts";
export * from "./ids.ts";
export * from "./json_client.ts";
export * from "./memory_extent_store.ts";
export * from "./metadata.ts";
export * from "./pack_group.ts";
export * from "./repository_name.ts";
