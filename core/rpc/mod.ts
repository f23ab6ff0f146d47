/**
 * The contracts between clusters: who may ask whom for what, in which shape.
 *
 * @module
 */

export * from "./extent_store.ts";
export * from "./fetcher.ts";
export * from "./ids.ts";
export * from "./metadata.ts";
export * from "./pack_group.ts";
export * from "./repository_name.ts";
