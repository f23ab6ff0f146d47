/**
 * Remembers which nodes do not answer, so that callers do not wait for each of them every time.
 *
 * Closed: the node is used. After some failures in a row it opens: the node is passed over, until a
 * pause is over; then one caller tries it. Success closes it, failure doubles the pause.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Failures in a row that open a breaker: single losses do not. */
const FAILURE_COUNT = 3;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 30_000;

/** The breaker of one node. */
export class CircuitBreaker {
  readonly #clock: Pick<Clock, "monotonicMs">;
  #failureCount = 0;
  #pauseMs = PAUSE_MS;
  #openUntilMs = -Infinity;

  /** Makes a closed breaker. */
  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Whether the node is to be passed over. */
  get isOpen(): boolean {
    return this.#failureCount >= FAILURE_COUNT && this.#clock.monotonicMs() < this.#openUntilMs;
  }

  /** Whether a call may be made; while it is open only one for each pause. */
  tryPass(): boolean {
    if (this.#failureCount < FAILURE_COUNT) return true;
    if (this.isOpen) return false;
    this.#openUntilMs = this.#clock.monotonicMs() + this.#pauseMs;
    return true;
  }

  /** The node answered. */
  succeeded(): void {
    this.#failureCount = 0;
    this.#pauseMs = PAUSE_MS;
  }

  /** The node did not answer. */
  failed(): void {
    this.#failureCount++;
    if (this.#failureCount < FAILURE_COUNT) return;
    this.#openUntilMs = this.#clock.monotonicMs() + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }
}
