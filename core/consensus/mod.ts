/**
 * Consensus: the ordered key-value store behind the control plane and the partition logs.
 *
 * @module
 */

export * from "./consensus.ts";
export * from "./log.ts";
