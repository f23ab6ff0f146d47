/**
 * The control plane: membership, failure detection, topology, assignment of partitions.
 *
 * @module
 */

export * from "./member.ts";
export * from "./partition_planner.ts";
export * from "./policy.ts";
