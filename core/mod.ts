/**
 * What every cluster stands on: errors, limits, clock, randomness. Git formats, pack formats, the
 * wire protocol, consensus, disk and RPC have entry points of their own (`@gitstratum/core/git` …).
 *
 * @module
 */

export * from "./access_limits.ts";
export * from "./admission_config.ts";
export * from "./assert.ts";
export * from "./clock.ts";
export * from "./concat_bytes.ts";
export * from "./config.ts";
export * from "./error.ts";
export * from "./event_config.ts";
export * from "./limits.ts";
export * from "./logger.ts";
export * from "./manual_clock.ts";
export * from "./proxy_config.ts";
export * from "./random.ts";
export * from "./replica_limits.ts";
export * from "./retention_limits.ts";
export * from "./seeded_random.ts";
export * from "./server_config.ts";
export * from "./socket_address.ts";
export * from "./ssh_limits.ts";
export * from "./wait_is_over.ts";
export * from "./wake_ups.ts";
