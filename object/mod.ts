/**
 * The object cluster: extents in a segment store, and the service that offers them.
 *
 * @module
 */

export * from "./object_config.ts";
export * from "./object_metrics.ts";
export * from "./object_node.ts";
export { ExtentService, type ExtentServiceOptions } from "./extent_service.ts";
export * from "./segment_store.ts";
export type { CompactionOptions, CompactionResult } from "./compaction.ts";
export type { RecoveryReport, SegmentDamage } from "./recovery.ts";
export type { DamagedRange } from "./segment_catalogue.ts";
export type { ScrubOptions, ScrubResult } from "./scrub.ts";
