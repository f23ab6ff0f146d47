/**
 * What every process of the system needs around its services: settings, listening sockets, an address
 * for operators, a place in the cluster, signals, an orderly end.
 *
 * @module
 */

export * from "./access_log.ts";
export * from "./admin_service.ts";
export * from "./cluster_link.ts";
export * from "./data_directory.ts";
export * from "./forwarded_address.ts";
export * from "./host_check.ts";
export * from "./http_server.ts";
export * from "./membership.ts";
export * from "./network_fetcher.ts";
export * from "./node_config.ts";
export * from "./node_fetcher.ts";
export * from "./node_process.ts";
export * from "./node_server.ts";
export * from "./process_metrics.ts";
export * from "./process_world.ts";
export * from "./rehearse.ts";
export * from "./releases.ts";
export * from "./run_process.ts";
