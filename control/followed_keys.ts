/**
 * Keys of the consensus store that are followed for good: read once, then watched, and read again
 * whenever the watch was lost.
 *
 * Fault model: a store that does not answer is asked again at intervals, and what was read last holds
 * meanwhile.
 *
 * @module
 */

import { type Clock, type Logger, toError } from "@gitstratum/core";
import type { Consensus, KeyRange, Revision, WatchEvent } from "@gitstratum/core/consensus";

/** What is followed, and by whom. */
export interface FollowedKeysOptions {
  /** Where the keys are. */
  readonly consensus: Consensus;
  /** Which they are. */
  readonly range: KeyRange;
  /** What they are, for the log: "the topology". */
  readonly what: string;
  /** Time before a watch that failed is begun again, in milliseconds. */
  readonly retryMs: number;
  /** Reads them all; resolves with the revision from which on to watch. */
  read(): Promise<Revision>;
  /** Takes a batch of what happened, whole revisions. */
  take(events: readonly WatchEvent[]): void | Promise<void>;
  /** Time. */
  readonly clock: Clock;
  /** Told of watches that are lost. */
  readonly logger: Logger;
}

/** Follows keys. */
export class FollowedKeys {
  readonly #options: FollowedKeysOptions;
  readonly #stop = new AbortController();
  /** Ends the watch of the moment, so that everything is read again. */
  #turn = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** Makes one that knows nothing yet. */
  constructor(options: FollowedKeysOptions) {
    this.#options = options;
  }

  /** Aborts when the keys are followed no more. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Reads the keys, then follows them until {@link FollowedKeys.close}. @throws as the store does */
  async open(): Promise<void> {
    const after = await this.#options.read();
    this.#running = this.#follow(after);
  }

  /** Ends the watch, which may hang, and reads everything again. */
  renew(): void {
    this.#turn.abort();
  }

  /** Tells that the keys could not be read. */
  warn(error: unknown): void {
    this.#options.logger.warn(`Fail to read ${this.#options.what}`, { error: toError(error) });
  }

  /** Stops following. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #follow(revision: Revision): Promise<void> {
    const { consensus, range, what, logger } = this.#options;
    for (let after = revision; !this.#stop.signal.aborted;) {
      this.#turn = new AbortController();
      const signal = AbortSignal.any([this.#stop.signal, this.#turn.signal]);
      try {
        const watch = consensus.watch(range, { after, signal });
        for await (const events of watch) await this.#options.take(events);
        if (!this.#stop.signal.aborted) after = await this.#options.read();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        logger.warn(`Lose the watch on ${what}`, { error: toError(error) });
        after = await this.#readAgain(after);
      }
    }
  }

  /** Waits and reads; the revision to go on from. */
  async #readAgain(after: Revision): Promise<Revision> {
    const { clock, retryMs } = this.#options;
    try {
      await clock.sleep(retryMs, this.#stop.signal);
      return await this.#options.read();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.warn(error);
      return after;
    }
  }
}
