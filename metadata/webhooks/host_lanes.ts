/**
 * Turns for requests to many hosts: a few at a time to each, so that a slow one delays only itself.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

/** How much there is room for. */
export interface HostLanesOptions {
  /** Requests at a time to one host. */
  readonly concurrencyMax: number;
  /** Requests that wait for their turn at one host. */
  readonly queueCountMax: number;
  /** Requests in all, running and waiting. */
  readonly countMax: number;
}

interface Lane {
  running: number;
  readonly waiting: (() => Promise<void>)[];
}

/** Runs requests in the order in which they come, host by host. */
export class HostLanes {
  readonly #options: HostLanesOptions;
  readonly #lanes = new Map<string, Lane>();
  #count = 0;

  /** Makes lanes that are empty. */
  constructor(options: HostLanesOptions) {
    this.#options = options;
  }

  /** Requests that run or wait. */
  get count(): number {
    return this.#count;
  }

  /** How many more there is room for at a host. */
  room(host: string): number {
    const { concurrencyMax, queueCountMax, countMax } = this.#options;
    const lane = this.#lanes.get(host);
    const held = lane === undefined ? 0 : lane.running + lane.waiting.length;
    return Math.max(0, Math.min(concurrencyMax + queueCountMax - held, countMax - this.#count));
  }

  /** Does some work when its turn has come. The work answers for its own failures. */
  add(host: string, work: () => Promise<void>): void {
    assert(this.room(host) > 0, "There is room for a request");
    const lane = this.#lanes.get(host) ?? { running: 0, waiting: [] };
    this.#lanes.set(host, lane);
    this.#count++;
    lane.waiting.push(work);
    this.#next(host, lane);
  }

  #next(host: string, lane: Lane): void {
    if (lane.running >= this.#options.concurrencyMax) return;
    const work = lane.waiting.shift();
    if (work === undefined) {
      if (lane.running === 0) this.#lanes.delete(host);
      return;
    }
    lane.running++;
    void work().finally(() => {
      lane.running--;
      this.#count--;
      this.#next(host, lane);
    });
  }
}
