/**
 * What bounds a simulated frontend, and what it keeps for its clients: memory that is handed out, places
 * for requests, the pack cache. All of it is small, so that clients have to wait for each other.
 *
 * @module
 */

import { MEMORY_SMALL_PUSH_BYTES, MIB } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { Releases } from "@gitstratum/core/process";
import type { Admission } from "../../../frontend/admission/admission.ts";
import { MemoryPermits } from "../../../frontend/admission/memory_permits.ts";
import { openAdmission } from "../../../frontend/admission/open_admission.ts";
import type { RequestMemory } from "../../../frontend/admission/request_memory.ts";
import { StalledStreams } from "../../../frontend/admission/stalled_streams.ts";
import type { PackCache, PackCacheOptions } from "../../../frontend/pack_cache/pack_cache.ts";
import type { SimGround } from "./sim_node.ts";

/** Bounds of one life of a frontend. */
export interface FrontendBounds {
  readonly memory: RequestMemory;
  readonly admission: Admission;
  readonly cache: PackCache;
  /** Where the cache keeps packs. */
  readonly cacheDisk: MemoryDisk;
  /** What the permits may be together, in bytes. */
  readonly permitBytesMax: number;
  /** What the cache may keep, in bytes. */
  readonly cacheBytesMax: number;
}

/** Two clones, or four pushes. */
const PERMIT_BYTES_MAX: number = 4 * MEMORY_SMALL_PUSH_BYTES;
const BODY_BYTES_MAX: number = 2 * MIB;
/** Some of the packs of a run. */
const CACHE_BYTES_MAX: number = 256 * 1024;
const CACHE_TTL_MS = 60_000;

/** Opens the bounds of a frontend. */
export function openFrontendBounds(
  { clock, logger }: Pick<SimGround, "clock" | "logger">,
  openCache: (options: PackCacheOptions) => PackCache,
): FrontendBounds {
  const metrics = new PrometheusMetrics();
  const world = { clock, metrics };
  const permits = new MemoryPermits({ ...world, bytesMax: PERMIT_BYTES_MAX });
  const bodies = new MemoryPermits({ ...world, bytesMax: BODY_BYTES_MAX, use: "request_body" });
  const releases = new Releases();
  const limits = {
    rates: {},
    concurrency: { repository: { running: 3, waiting: 100 } },
    memoryBytes: PERMIT_BYTES_MAX,
    quota: {},
  };
  const admission = openAdmission(limits, { ...world, logger, releases });
  const isWanted = () => permits.isWanted || bodies.isWanted || admission.isWanted;
  const streams = new StalledStreams({ ...world, isWanted });
  const cacheDisk = new MemoryDisk();
  const cache = openCache({
    ...world,
    disk: cacheDisk,
    bytesMax: CACHE_BYTES_MAX,
    storeFrom: 1,
    ttlMs: CACHE_TTL_MS,
    freeBytes: () => Infinity,
    onTrouble: (error) => logger.warn("Meet trouble in the pack cache", { error: String(error) }),
  });
  return {
    memory: { permits, bodies, streams },
    admission,
    cache,
    cacheDisk,
    permitBytesMax: PERMIT_BYTES_MAX,
    cacheBytesMax: CACHE_BYTES_MAX,
  };
}

/** What a frontend without any request still holds; nothing when all is well. */
export function heldBy({ memory: { permits, bodies, streams } }: FrontendBounds): string[] {
  const facts = [
    [permits.usedBytes, "bytes of memory"],
    [permits.waitingCount, "requests that wait for memory"],
    [bodies.usedBytes, "bytes of requests"],
    [bodies.waitingCount, "requests that wait to be read"],
    [streams.count, "streams"],
  ] as const;
  return facts.flatMap(([count, what]) => count === 0 ? [] : [`${count} ${what}`]);
}
