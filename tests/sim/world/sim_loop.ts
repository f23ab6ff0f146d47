/**
 * Simulated time: a queue of events, run one at a time.
 *
 * Invariants: time stands still while code runs. The next event begins only when everything that the
 * one before started has come to rest: all promises that could settle have settled. Events of one
 * moment run in the order in which they were scheduled. So what a run does is decided by what it is
 * given, and equal runs leave equal traces.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { EventHeap, type QueuedEvent } from "./event_heap.ts";
import { Trace } from "./trace.ts";

const OPENING_TURN_COUNT = 5;

/** An event that has not run yet. */
export interface Scheduled {
  /** Takes it out of the queue; one that ran is no error. */
  cancel(): void;
}

/** Simulated time and what happens in it. */
export class SimLoop {
  /** What happened so far. */
  readonly trace = new Trace();
  readonly #heap = new EventHeap();
  /** What asked for another turn of the event loop, without any time. */
  readonly #turns: (() => void)[] = [];
  #nowMs = 0;
  #sequence = 0;
  #eventCount = 0;

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that ran. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Runs something after a time; the label goes into the trace. */
  after(delayMs: number, label: string, run: () => void): Scheduled {
    const event: QueuedEvent = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      label,
      run,
      isCancelled: false,
    };
    this.#heap.push(event);
    return { cancel: () => void (event.isCancelled = true) };
  }

  /** To be awaited before anything begins: the first turns of a young event loop come too early. */
  async open(): Promise<void> {
    for (let turn = 0; turn < OPENING_TURN_COUNT; turn++) await this.#drain();
  }

  /** Runs something once everything that runs now has come to rest, without any time. */
  nextTurn(run: () => void): void {
    this.#turns.push(run);
  }

  /**
   * Runs events until something is so.
   *
   * @returns false when it was not so by the given time, or nothing could happen any more
   */
  async run(isDone: () => boolean, untilMs: number): Promise<boolean> {
    await this.#rest();
    while (!isDone()) {
      const event = this.#heap.pop();
      if (event === undefined) return false;
      if (event.atMs > untilMs) {
        this.#heap.push(event);
        return false;
      }
      if (event.isCancelled) continue;
      this.#nowMs = event.atMs;
      this.#eventCount++;
      this.trace.add(event.atMs, event.label);
      event.run();
      await this.#rest();
    }
    return true;
  }

  /** Resolves when nothing can go on without another event. */
  async #rest(): Promise<void> {
    await this.#drain();
    for (let turn = this.#turns.shift(); turn !== undefined; turn = this.#turns.shift()) {
      turn();
      await this.#drain();
    }
  }

  /** The event loop comes here after every promise that could settle has settled. */
  #drain(): Promise<void> {
    return new Promise((resolve) => void setImmediate(resolve));
  }
}
