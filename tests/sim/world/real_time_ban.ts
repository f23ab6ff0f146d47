/**
 * Keeps real time out of a simulation.
 *
 * Some code gives the event loop a turn with a timer of zero: that is no time, and the loop grants it.
 * A timer with a time would make a run depend on the machine: whoever sets one has not been given a
 * clock, and the run fails.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { SimLoop } from "./sim_loop.ts";

/** In force until it is disposed of; one at a time. */
export class RealTimeBan implements Disposable {
  readonly #setTimeout = globalThis.setTimeout;
  /** Labels of timers that somebody tried to set. */
  readonly offences: string[] = [];

  /** Replaces the global timer. */
  constructor(loop: SimLoop) {
    const replacement = (run: () => void, ms = 0): number => {
      if (ms > 0) this.offences.push(new Error(`A timer of ${ms} ms`).stack ?? "");
      assert(ms === 0, "Simulated code takes its time from the clock that it was given");
      loop.nextTurn(run);
      return 0;
    };
    globalThis.setTimeout = replacement as unknown as typeof globalThis.setTimeout;
  }

  /** Gives the real timer back. */
  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
  }
}
