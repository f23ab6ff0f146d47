/**
 * The control plane: membership, failure detection, topology, assignment of partitions.
 *
 * @module
 */

export * from "./control_node.ts";
export * from "./control_service.ts";
export * from "./controller.ts";
export * from "./member.ts";
export * from "./node_registry.ts";
export * from "./partition_planner.ts";
export * from "./policy.ts";
export * from "./reconcile.ts";
export * from "./topology_feed.ts";
