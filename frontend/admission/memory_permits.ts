/**
 * The memory of a process, handed out before it is used: whatever grows with what clients ask for takes
 * a permit first and waits for it in line.
 *
 * There are two lines, so that nothing small ever waits behind something large. Large requests together
 * never have more than three quarters of the budget; while one of them waits, small ones keep to the
 * last quarter, so that the large one has its turn. Each line is first in, first out.
 *
 * Invariants: permits that are out never exceed the budget. Who holds one never waits for more: growing
 * is granted at once or refused, so no two holders wait for each other. A request that is larger than
 * its line's part of the budget takes all of that part, and runs alone.
 *
 * @module
 */

import {
  assert,
  type Clock,
  MEMORY_WAIT_COUNT_MAX,
  MEMORY_WAIT_MS_MAX,
  MEMORY_WANT_MS,
  WAIT_IS_OVER,
} from "@gitstratum/core";
import type { Counter, Metrics } from "@gitstratum/core/metrics";
import { tooManyRequests } from "./too_many_requests.ts";

/** In which line a request waits. */
export type MemoryLane = "small" | "large";

/** What is asked for. */
export interface MemoryRequest {
  /** Most that will be in memory at a time. */
  readonly bytes: number;
  readonly lane: MemoryLane;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** Memory that may be used. */
export interface MemoryPermit {
  /** What it is good for now. */
  readonly bytes: number;
  /** Gives a part back. */
  shrink(bytes: number): void;
  /** Moves a part into a permit of its own. */
  split(bytes: number): MemoryPermit;
  /** Takes more without waiting. @throws `exhausted` with `retryAfterS` when there is none */
  grow(bytes: number): void;
  /** Gives everything back; may be called again. */
  release(): void;
}

/** The world of the permits. */
export interface MemoryPermitsOptions {
  /** The budget. */
  readonly bytesMax: number;
  /** Bounds waiting. */
  readonly clock: Clock;
  /** Counts what is out and what waits. */
  readonly metrics: Metrics;
  /** What the memory is for: a word in the names of metrics; `memory` unless told. */
  readonly use?: string;
}

interface Waiter {
  readonly bytes: number;
  readonly sinceMs: number;
  admit(): void;
}

const LARGE_SHARE = 3 / 4;
/** When a client that was refused may come again. */
const RETRY_AFTER_MS = 5000;

/** A budget of bytes. */
export class MemoryPermits {
  readonly #options: MemoryPermitsOptions;
  readonly #used: Record<MemoryLane, number> = { small: 0, large: 0 };
  readonly #lines: Readonly<Record<MemoryLane, Waiter[]>> = { small: [], large: [] };
  readonly #waits: Counter;
  readonly #refusals: Counter;

  /** A budget that nobody has taken from. */
  constructor(options: MemoryPermitsOptions) {
    assert(options.bytesMax > 0, "There is memory to hand out");
    this.#options = options;
    const { metrics, use = "memory" } = options;
    metrics.gauge(`gitstratum_${use}_permits_bytes`, {
      help: "Memory that requests have been permitted to use.",
      read: () => this.usedBytes,
    });
    metrics.gauge(`gitstratum_${use}_permits_max_bytes`, {
      help: "Memory that requests may be permitted to use together.",
      read: () => options.bytesMax,
    });
    metrics.gauge(`gitstratum_${use}_permits_waiting`, {
      help: "Requests that wait for memory.",
      read: () => this.waitingCount,
    });
    const labels = ["lane"];
    this.#waits = metrics.counter(`gitstratum_${use}_permit_waits_total`, {
      help: "Requests that had to wait for memory.",
      labels,
    });
    this.#refusals = metrics.counter(`gitstratum_${use}_permit_refusals_total`, {
      help: "Requests that were refused because memory did not come free in time.",
      labels,
    });
  }

  /** Bytes that are out. */
  get usedBytes(): number {
    return this.#used.small + this.#used.large;
  }

  /** Requests that wait. */
  get waitingCount(): number {
    return this.#lines.small.length + this.#lines.large.length;
  }

  /** Whether somebody has waited for so long that those who hold memory to no purpose should let go. */
  get isWanted(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return Object.values(this.#lines).some(([first]) =>
      first !== undefined && nowMs - first.sinceMs >= MEMORY_WANT_MS
    );
  }

  /**
   * Resolves with a permit in its turn.
   *
   * @throws `exhausted` with `retryAfterS` when too many wait, or this one did for too long
   * @throws the signal's reason
   */
  async acquire(request: MemoryRequest): Promise<MemoryPermit> {
    const { lane, signal } = request;
    signal?.throwIfAborted();
    const bytes = Math.min(request.bytes, this.#laneBytesMax(lane));
    if (this.#lines[lane].length === 0 && this.#fits(bytes, lane)) {
      this.#used[lane] += bytes;
    } else {
      if (this.waitingCount >= MEMORY_WAIT_COUNT_MAX) throw this.#refusal(lane);
      await this.#wait(bytes, lane, signal);
    }
    return this.#permit(bytes, lane);
  }

  async #wait(bytes: number, lane: MemoryLane, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#options;
    const line = this.#lines[lane];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { bytes, sinceMs: clock.monotonicMs(), admit: resolve };
    const leave = (error: unknown) => {
      const place = line.indexOf(waiter);
      // Once out of the line it has its permit.
      if (place < 0) return;
      line.splice(place, 1);
      reject(error);
      this.#admit();
    };
    const onAbort = () => leave(signal?.reason);
    const admitted = new AbortController();
    clock.sleep(MEMORY_WAIT_MS_MAX, admitted.signal)
      .then(() => leave(this.#refusal(lane)), () => undefined);
    signal?.addEventListener("abort", onAbort, { once: true });
    line.push(waiter);
    this.#waits.increment({ lane });
    try {
      await promise;
    } finally {
      admitted.abort(WAIT_IS_OVER);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** A permit for bytes that are counted already. */
  #permit(bytes: number, lane: MemoryLane): MemoryPermit {
    let held = bytes;
    const give = (count: number) => {
      held -= count;
      this.#used[lane] -= count;
      if (count > 0) this.#admit();
    };
    return {
      get bytes() {
        return held;
      },
      shrink: (count) => give(Math.min(count, held)),
      split: (count) => {
        const part = Math.min(count, held);
        held -= part;
        return this.#permit(part, lane);
      },
      grow: (count) => {
        if (!this.#fits(count, lane)) throw this.#refusal(lane);
        held += count;
        this.#used[lane] += count;
      },
      release: () => give(held),
    };
  }

  /** Lets in who fits, the longest waiting of each line first. */
  #admit(): void {
    for (const lane of ["large", "small"] as const) {
      const line = this.#lines[lane];
      while (line.length > 0 && this.#fits(line[0]!.bytes, lane)) {
        const waiter = line.shift()!;
        this.#used[lane] += waiter.bytes;
        waiter.admit();
      }
    }
  }

  #fits(bytes: number, lane: MemoryLane): boolean {
    if (this.usedBytes + bytes > this.#options.bytesMax) return false;
    if (lane === "large") return this.#used.large + bytes <= this.#laneBytesMax("large");
    const isLargeWaiting = this.#lines.large.length > 0;
    return !isLargeWaiting || this.#used.small + bytes <= this.#smallShareBytes;
  }

  /** The most that one request of a line can have. */
  #laneBytesMax(lane: MemoryLane): number {
    const { bytesMax } = this.#options;
    return lane === "large" ? Math.floor(bytesMax * LARGE_SHARE) : this.#smallShareBytes;
  }

  get #smallShareBytes(): number {
    const { bytesMax } = this.#options;
    return bytesMax - Math.floor(bytesMax * LARGE_SHARE);
  }

  #refusal(lane: MemoryLane): Error {
    this.#refusals.increment({ lane });
    return tooManyRequests({ kind: "server", retryAfterMs: RETRY_AFTER_MS });
  }
}
