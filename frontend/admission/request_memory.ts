/**
 * The memory that requests of one process share, and who may be ended for it.
 *
 * @module
 */

import { type Clock, MEMORY_BASE_BYTES, MEMORY_REQUESTS_BYTES_MIN } from "@gitstratum/core";
import type { Metrics } from "@gitstratum/core/metrics";
import { MemoryPermits } from "./memory_permits.ts";
import { StalledStreams } from "./stalled_streams.ts";

/** Permits and streams of one process. */
export interface RequestMemory {
  readonly permits: MemoryPermits;
  readonly streams: StalledStreams;
}

/** Makes the memory of a process that is to stay within `memoryBytes`. */
export function openRequestMemory(
  memoryBytes: number,
  world: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    /** Whether somebody has waited for long for something else that streams hold. */
    isWanted(): boolean;
  },
): RequestMemory {
  const bytesMax = Math.max(MEMORY_REQUESTS_BYTES_MIN, memoryBytes - MEMORY_BASE_BYTES);
  const permits = new MemoryPermits({ ...world, bytesMax });
  const streams = new StalledStreams({
    ...world,
    isWanted: () => permits.isWanted || world.isWanted(),
  });
  return { permits, streams };
}
