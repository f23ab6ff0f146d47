/**
 * Scrubbing: reading everything that is stored, to find damage before somebody needs the bytes.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import { Pace } from "./pace.ts";
import type { LocatedRecord } from "./record_index.ts";

/** How to scrub. */
export interface ScrubOptions {
  /** Measures the pace. */
  readonly clock: Clock;
  /** Ends the scrub early. */
  readonly signal: AbortSignal;
  /** Bytes read in a second at most. */
  readonly bytesPerSecond?: number;
}

/** What a scrub found. */
export interface ScrubResult {
  /** Keys that were read. */
  readonly keyCount: number;
  /** Bytes that were read and verified. */
  readonly bytes: number;
  /** Damaged keys, in order; at most `CORRUPT_KEYS_MAX` of them. */
  readonly corruptKeys: readonly string[];
  /** Number of damaged keys. */
  readonly corruptKeyCount: number;
  /** Whether everything was read; false when the store was closed meanwhile. */
  readonly complete: boolean;
}

/** What a scrub asks of a store. */
export interface ScrubSource {
  /** Records that count, in order of key. */
  list(after: string, limit: number): LocatedRecord[];
  /** Whether a record is intact. */
  verify(record: LocatedRecord): boolean;
}

/** A report names no more keys than this; their number is always told. */
export const CORRUPT_KEYS_MAX = 1000;
const PAGE_COUNT = 256;
const STEP_BYTES = 4 * 1024 * 1024;

/** Verifies every record that counts. */
export async function scrubStore(source: ScrubSource, options: ScrubOptions): Promise<ScrubResult> {
  const pace = new Pace(options);
  const result = { keyCount: 0, bytes: 0, corruptKeyCount: 0 };
  const corruptKeys: string[] = [];
  const report = (complete: boolean) => ({ ...result, corruptKeys, complete });
  let stepBytes = 0;
  let page = source.list("", PAGE_COUNT);
  while (page.length > 0) {
    for (const record of page) {
      result.keyCount++;
      result.bytes += record.payloadBytes;
      stepBytes += record.payloadBytes;
      if (!source.verify(record)) {
        result.corruptKeyCount++;
        if (corruptKeys.length < CORRUPT_KEYS_MAX) corruptKeys.push(record.key);
      }
      if (stepBytes < STEP_BYTES) continue;
      if (!await pace.spend(stepBytes)) return report(false);
      stepBytes = 0;
    }
    if (!await pace.spend(0)) return report(false);
    page = source.list(page.at(-1)!.key, PAGE_COUNT);
  }
  return report(true);
}
