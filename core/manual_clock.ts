/**
 * Time that stands still until it is told to move: the clock of tests.
 *
 * @module
 */

import { assert } from "./assert.ts";
import type { Clock } from "./clock.ts";

interface Sleeper {
  readonly deadlineMs: number;
  wake(): void;
}

/** A clock whose two times start at a given value and move by {@link ManualClock.advance} only. */
export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  readonly #sleepers = new Set<Sleeper>();

  /** Makes a clock that shows `nowMs` as wall time (milliseconds since the Unix epoch). */
  constructor(nowMs = 0) {
    this.#wallOffsetMs = nowMs;
  }

  /** Wall time in milliseconds. */
  nowMs(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  /** Monotonic time in milliseconds since the clock was made. */
  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** How many sleeps are pending. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Resolves when the clock was advanced by `ms`; rejects when the signal aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        deadlineMs: this.#monotonicMs + Math.max(0, ms),
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /**
   * Moves both times on by `ms`. Sleepers wake in the order of their deadlines, each with the clock
   * at its deadline, and what they start runs before the next one wakes.
   */
  async advance(ms: number): Promise<void> {
    assert(ms >= 0, "Time never goes back");
    const untilMs = this.#monotonicMs + ms;
    for (let next = this.#nextBefore(untilMs); next; next = this.#nextBefore(untilMs)) {
      this.#monotonicMs = Math.max(this.#monotonicMs, next.deadlineMs);
      next.wake();
      await settle();
    }
    this.#monotonicMs = untilMs;
    await settle();
  }

  /** Lets the wall time jump, as an administrator or NTP would; monotonic time stays. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  #nextBefore(untilMs: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.deadlineMs > untilMs) continue;
      if (next === undefined || sleeper.deadlineMs < next.deadlineMs) next = sleeper;
    }
    return next;
  }
}

/** Lets everything run that is ready now, promises and queued turns alike. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}
