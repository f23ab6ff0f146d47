/**
 * Extents on many nodes: placement, quorum writes, hints, hedged reads, repair.
 *
 * @module
 */

export * from "./memory_replica.ts";
export * from "./placement.ts";
export * from "./replica_node.ts";
export * from "./replica_record.ts";
export * from "./replicated_extent_store.ts";
