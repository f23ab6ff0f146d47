/**
 * What every process of the system needs around its services: settings, a listening socket, an address
 * for operators, signals, an orderly end.
 *
 * @module
 */

export * from "./access_log.ts";
export * from "./admin_service.ts";
export * from "./http_server.ts";
export * from "./node_config.ts";
export * from "./process_metrics.ts";
export * from "./process_world.ts";
export * from "./releases.ts";
export * from "./run_process.ts";
