/**
 * Keeps the tables of a partition close behind its log on a node that may have to take it over.
 *
 * A follower answers nobody. What it applies is committed already, so it can be stopped at any moment;
 * the primary that this node opens next goes on where it stood. So there is no hurry: what comes within a
 * moment of the last entries is applied together, in one transaction instead of one for each push.
 *
 * Fault model: whatever fails is told to the logger and tried again after a pause, for ever: a follower
 * that stays behind makes a takeover slower, not wrong.
 *
 * @module
 */

import { type Clock, sleptWhole } from "@gitstratum/core";
import { LogReplay, type LogReplayOptions } from "../log/log_replay.ts";

/** What a follower stands on. */
export interface PartitionFollowerOptions extends LogReplayOptions {
  readonly clock: Clock;
}

/** Time between two transactions of entries, in milliseconds: a takeover has so much more to apply. */
const REST_MS = 100;
/** Whoever gets so many entries at once is behind, and does not rest. */
const RESTLESS_COUNT = 16;
/** Pauses after a failure: the first, and the longest after doublings. */
const PAUSE_MS = 200;
const PAUSE_MS_MAX = 30_000;

/** Tails one partition's log. */
export class PartitionFollower {
  readonly #options: PartitionFollowerOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /** Starts to follow. */
  constructor(options: PartitionFollowerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Resolves when nothing more will be applied. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      try {
        for await (const count of this.#follow()) if (count > 0) pauseMs = PAUSE_MS;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn("Fall behind a partition's log", {
          partition: this.#options.partition,
          ...(error instanceof Error ? { error } : { reason: String(error) }),
        });
      }
      try {
        await this.#options.clock.sleep(pauseMs, signal);
      } catch {
        // The sleep is cut short by stop().
        return;
      }
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
    }
  }

  /** Applies the log as it comes; yields how many entries it applied. */
  async *#follow(): AsyncGenerator<number> {
    const { log, partition } = this.#options;
    const { signal } = this.#stop;
    const replay = new LogReplay(this.#options);
    await replay.catchUp((await log.head(partition)).lsn);
    for await (const entries of log.watch(partition, replay.applied, signal)) {
      if (signal.aborted) return;
      await replay.applyEntries(entries);
      yield entries.length;
      if (entries.length >= RESTLESS_COUNT) continue;
      if (!await sleptWhole(this.#options.clock, REST_MS, signal)) return;
    }
  }
}
