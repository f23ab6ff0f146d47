/**
 * What the pack cache counts.
 *
 * @module
 */

import type { Counter, Metrics } from "@gitstratum/core/metrics";

/** How a request was served. */
export type PackOutcome =
  /** From a stored file. */
  | "hit"
  /** By an execution that another request had started. */
  | "joined"
  /** By an execution of its own. */
  | "miss";

/** Counters of one cache. */
export class PackCacheMetrics {
  readonly #requests: Counter;
  readonly #bytes: Counter;
  readonly #saved: Counter;
  readonly #stored: Counter;

  /** Makes the counters. */
  constructor(metrics: Metrics, state: { bytes(): number; count(): number }) {
    const labels = ["outcome"];
    this.#requests = metrics.counter("gitstratum_pack_cache_requests_total", {
      help: "Packs asked of the cache, by how they were served.",
      labels,
    });
    this.#bytes = metrics.counter("gitstratum_pack_cache_sent_bytes_total", {
      help: "Framed bytes of packs handed out, by how they were served.",
      labels,
    });
    this.#saved = metrics.counter("gitstratum_pack_cache_saved_seconds_total", {
      help: "Time that executions took whose packs were handed out again instead of made anew.",
    });
    this.#stored = metrics.counter("gitstratum_pack_cache_stored_total", {
      help: "Packs published in the cache.",
    });
    metrics.gauge("gitstratum_pack_cache_bytes", {
      help: "Bytes of all files of the cache.",
      read: () => state.bytes(),
    });
    metrics.gauge("gitstratum_pack_cache_packs", {
      help: "Packs in the cache.",
      read: () => state.count(),
    });
  }

  /** Counts a request. */
  request(outcome: PackOutcome): void {
    this.#requests.increment({ outcome });
  }

  /** Counts bytes that were handed out. */
  sent(outcome: PackOutcome, bytes: number): void {
    this.#bytes.increment({ outcome }, bytes);
  }

  /** Counts an execution that was not needed. */
  saved(executionMs: number): void {
    this.#saved.increment({}, executionMs / 1000);
  }

  /** Counts a published pack. */
  stored(): void {
    this.#stored.increment();
  }
}
