/**
 * Consensus: the ordered key-value store behind the control plane and the partition logs.
 *
 * @module
 */

export * from "./consensus.ts";
export * from "./consensus_log.ts";
export * from "./etcd_consensus.ts";
export * from "./local_consensus.ts";
export * from "./log.ts";
export * from "./log_format.ts";
export * from "./memory_consensus.ts";
export * from "./revision_store.ts";
export * from "./sqlite_consensus.ts";
