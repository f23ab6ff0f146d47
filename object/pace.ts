/**
 * Keeping background work from taking the disk away from callers.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";

/** Spends bytes no faster than it may. */
export class Pace {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #bytesPerSecond: number;

  /** A pace of `bytesPerSecond`; without it, only a turn of the event loop lies between two steps. */
  constructor(options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly bytesPerSecond?: number;
  }) {
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#bytesPerSecond = options.bytesPerSecond ?? Infinity;
  }

  /** Waits as long as `bytes` take. @returns false when the work is to end */
  async spend(bytes: number): Promise<boolean> {
    if (this.#signal.aborted) return false;
    const waitMs = bytes / this.#bytesPerSecond * 1000;
    if (waitMs < 1) {
      await nextTurn();
      return !this.#signal.aborted;
    }
    try {
      await this.#clock.sleep(waitMs, this.#signal);
      return true;
    } catch (error) {
      if (this.#signal.aborted) return false;
      throw error;
    }
  }
}

/** Lets everything else have its turn of the event loop. */
export async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}
