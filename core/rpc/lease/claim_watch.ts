/**
 * Wakes those who wait for a claim to become free: one watch on all claims for however many wait, and
 * none while nobody does.
 *
 * A wake is a hint to try again. Whoever waits also tries again by itself now and then, so a watch that
 * is away or late costs time only.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { type Consensus, prefixRange } from "../../consensus/consensus.ts";

/** How often a waiter tries though nothing was heard, in milliseconds. */
const RETRY_MS = 1000;

/** Somebody who waits; aborting the turn begins the next one. */
interface Waiter {
  turn: AbortController;
}

/** Waiters for keys under one prefix. */
export class ClaimWatch {
  readonly #consensus: Consensus;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #onTrouble: (error: unknown) => void;
  readonly #waiting = new Map<string, Set<Waiter>>();
  #watching: AbortController | undefined;

  /** Watches nothing yet. */
  constructor(options: {
    readonly consensus: Consensus;
    readonly clock: Clock;
    readonly prefix: string;
    /** Told when the watch ended and why; it begins anew with the next waiter. */
    readonly onTrouble: (error: unknown) => void;
  }) {
    this.#consensus = options.consensus;
    this.#clock = options.clock;
    this.#prefix = options.prefix;
    this.#onTrouble = options.onTrouble;
  }

  /**
   * Runs `attempt` until it yields something or the signal aborts: at once, whenever the key was
   * deleted, and now and then. What happens to the key during an attempt is heard. An attempt is told
   * whether it is made though nothing was heard since the one before.
   */
  async until<T>(
    key: string,
    signal: AbortSignal,
    attempt: (wasQuiet: boolean) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const waiter: Waiter = { turn: new AbortController() };
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(waiter));
    let wasQuiet = false;
    try {
      while (!signal.aborted) {
        waiter.turn = new AbortController();
        const result = await attempt(wasQuiet);
        if (result !== undefined) return result;
        this.#watch();
        wasQuiet = await this.#sleep(AbortSignal.any([signal, waiter.turn.signal]));
      }
      return undefined;
    } finally {
      waiting.delete(waiter);
      if (waiting.size === 0) this.#waiting.delete(key);
      if (this.#waiting.size === 0) this.close();
    }
  }

  /** Lets everybody try again. */
  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.#wake(key);
  }

  /** Stops watching. */
  close(): void {
    this.#watching?.abort();
    this.#watching = undefined;
  }

  #wake(key: string): void {
    for (const waiter of this.#waiting.get(key) ?? []) waiter.turn.abort();
  }

  #watch(): void {
    if (this.#watching !== undefined) return;
    const watching = new AbortController();
    this.#watching = watching;
    this.#follow(watching.signal).catch((error) => {
      if (watching.signal.aborted) return;
      this.#watching = undefined;
      this.#onTrouble(error);
    });
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const range = prefixRange(this.#prefix);
    const { revision } = await this.#consensus.range(range, { limit: 1 });
    // Something may have become free before that revision.
    this.wakeAll();
    for await (const events of this.#consensus.watch(range, { after: revision, signal })) {
      for (const event of events) if (event.kind === "delete") this.#wake(event.key);
    }
  }

  /** Tells whether the sleep was not cut short. */
  async #sleep(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#clock.sleep(RETRY_MS, signal);
      return true;
    } catch (error) {
      if (!signal.aborted) throw error;
      return false;
    }
  }
}
