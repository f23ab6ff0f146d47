/**
 * The control plane: membership, failure detection, topology, assignment of partitions.
 *
 * @module
 */

export type { AccessNode } from "./access/access_node.ts";
export * from "./control_config.ts";
export * from "./control_node.ts";
export * from "./control_service.ts";
export * from "./partition_planner.ts";
export * from "./policy.ts";
