/**
 * Extents on many nodes: placement, quorum writes, hints, hedged reads, repair.
 *
 * @module
 */

export * from "./anti_entropy.ts";
export * from "./digest_snapshot.ts";
export * from "./direct_extent_store.ts";
export * from "./disk_checkpoints.ts";
export * from "./hint_delivery.ts";
export * from "./memory_replica.ts";
export * from "./node_caller.ts";
export * from "./placement.ts";
export * from "./range_comparison.ts";
export * from "./record_forgetting.ts";
export * from "./repair_plan.ts";
export * from "./repair_runner.ts";
export * from "./replica_client.ts";
export * from "./replica_node.ts";
export * from "./replica_record.ts";
export * from "./replica_service.ts";
export * from "./replica_wire.ts";
export * from "./replicated_extent_store.ts";
export * from "./ring_node.ts";
export * from "./ring_peers.ts";
export * from "./ring_upkeep.ts";
export * from "./segment_replica.ts";
export * from "./shared_digests.ts";
