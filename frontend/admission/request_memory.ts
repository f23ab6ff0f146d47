/**
 * The memory that requests of one process share, and who may be ended for it.
 *
 * @module
 */

import {
  type Clock,
  MEMORY_BASE_BYTES,
  MEMORY_BODIES_BYTES_MAX,
  MEMORY_REQUESTS_BYTES_MIN,
} from "@gitstratum/core";
import type { Metrics } from "@gitstratum/core/metrics";
import { MemoryPermits } from "./memory_permits.ts";
import { StalledStreams } from "./stalled_streams.ts";

/** Permits and streams of one process. */
export interface RequestMemory {
  /** For what requests come to: packs that are sent, and packs that are taken in. */
  readonly permits: MemoryPermits;
  /** For requests that are still read. A budget of its own: who has read a request waits for the other. */
  readonly bodies: MemoryPermits;
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
  const bodies = new MemoryPermits({
    ...world,
    bytesMax: MEMORY_BODIES_BYTES_MAX,
    use: "request_body",
  });
  const streams = new StalledStreams({
    ...world,
    isWanted: () => permits.isWanted || bodies.isWanted || world.isWanted(),
  });
  return { permits, bodies, streams };
}
