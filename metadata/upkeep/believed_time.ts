/**
 * Wall time for those who take away what nobody can give back.
 *
 * Graces are times between what is written down and now, over clocks that jump. A clock that is a week
 * ahead for a minute would end all of them at once: what was deleted could not be restored, what tells
 * a push that comes again would be forgotten, and the extents of a push that runs would be swept. So a
 * clock that went ahead is believed when it has stayed there for a while of monotonic time, and a
 * process believes none before it has watched it for as long. One that went back is believed at once:
 * everything is younger then.
 *
 * Fault model: a clock that is wrong for longer than the while is taken for right.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";

/** Since when every look found the wall clock at least so far ahead of monotonic time. */
interface Standing {
  readonly sinceMs: number;
  readonly aheadMs: number;
}

/** A wall clock that is not believed at once. What it shows between two looks is not noticed. */
export class BelievedTime {
  readonly #clock: Pick<Clock, "nowMs" | "monotonicMs">;
  readonly #beliefMs: number;
  /** By time, each further ahead than the one before; no more than there are looks in the while. */
  readonly #standings: Standing[] = [];

  /** Watches a clock from now on; what went ahead is believed after `beliefMs`. */
  constructor(clock: Pick<Clock, "nowMs" | "monotonicMs">, beliefMs: number) {
    this.#clock = clock;
    this.#beliefMs = beliefMs;
    this.nowMs();
  }

  /**
   * Looks at the clock.
   *
   * @returns the earliest wall time that it may be, in milliseconds; `-Infinity` while none is believed
   */
  nowMs(): number {
    const atMs = this.#clock.monotonicMs();
    const aheadMs = this.#clock.nowMs() - atMs;
    const standings = this.#standings;
    let sinceMs = atMs;
    while (standings.length > 0 && standings.at(-1)!.aheadMs >= aheadMs) {
      sinceMs = standings.pop()!.sinceMs;
    }
    standings.push({ sinceMs, aheadMs });
    const longAgoMs = atMs - this.#beliefMs;
    while (standings.length > 1 && standings[1]!.sinceMs <= longAgoMs) standings.shift();
    const [oldest] = standings;
    return oldest!.sinceMs <= longAgoMs ? Math.floor(atMs + oldest!.aheadMs) : -Infinity;
  }
}
