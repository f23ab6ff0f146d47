/**
 * Which extents of a write travel together, and how many such calls run at a time.
 *
 * The parts of a small push are a few KiB each: what they cost is calls, and syncs behind them.
 *
 * @module
 */

import {
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_WRITE_CONCURRENCY_MAX,
  KIB,
} from "../../limits.ts";
import type { ExtentWrite } from "./extent_store.ts";
import { BATCH_HEADER_BYTES, batchRowBytes } from "./extent_wire.ts";

/** Extents above this travel alone: a copy into a batch would cost more than a call. */
const BATCHED_BYTES_MAX = 256 * KIB;

/** Groups extents so that small ones share a call; large ones are alone. None for none. */
export function extentBatches(extents: readonly ExtentWrite[]): ExtentWrite[][] {
  const large: ExtentWrite[][] = [];
  const groups: ExtentWrite[][] = [];
  let room = 0;
  for (const extent of extents) {
    const bytes = batchRowBytes(extent) + extent.bytes.length;
    if (extent.bytes.length > BATCHED_BYTES_MAX) large.push([extent]);
    else if (bytes <= room && groups.at(-1)!.length < EXTENT_BATCH_COUNT_MAX) {
      groups.at(-1)!.push(extent);
      room -= bytes;
    } else {
      groups.push([extent]);
      room = EXTENT_BATCH_BYTES_MAX - BATCH_HEADER_BYTES - bytes;
    }
  }
  return [...groups, ...large];
}

/**
 * Makes the calls of batches, a few at a time.
 *
 * @throws the first failure, once the calls that ran beside it have settled; no others are begun
 */
export async function runBatches(calls: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0;
  let failed = false;
  const work = async () => {
    while (next < calls.length && !failed) {
      try {
        await calls[next++]!();
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from(
    { length: Math.min(EXTENT_WRITE_CONCURRENCY_MAX, calls.length) },
    work,
  );
  const outcomes = await Promise.allSettled(workers);
  const rejected = outcomes.find((outcome) => outcome.status === "rejected");
  if (rejected !== undefined) throw rejected.reason;
}
