/**
 * The node's own chores: repairs, sweeps, forgetting, truncating, on their schedules.
 *
 * @module
 */

import type { Clock, Logger } from "@gitstratum/core";
import type { BelievedTime } from "./believed_time.ts";
import type { Directory } from "../directory/directory.ts";
import type { GroupCollector } from "./group_collector.ts";
import { Mutex } from "../partition/mutex.ts";
import type { PartitionTable } from "../partition/partition_table.ts";
import type { StateUpkeep } from "./state_upkeep.ts";
import type { Sweeper } from "./sweeper.ts";

/** What the chores are done with. */
export interface UpkeepOptions {
  readonly directory: Directory;
  readonly partitions: PartitionTable;
  readonly sweeper: Sweeper;
  readonly state: StateUpkeep;
  readonly collector: Pick<GroupCollector, "collect">;
  readonly clock: Clock;
  /** By what chores go that take away what nobody can give back. */
  readonly time: BelievedTime;
  readonly logger: Logger;
}

/** Time between two rounds of cheap chores. */
const ROUND_MS = 60_000;
/** Rounds between two looks through all extents. */
const ORPHAN_ROUNDS = 60;

/** Does chores until it is stopped. A chore that fails is logged and tried again in its next round. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  readonly #turns = new Mutex();

  /** Makes an upkeep that has not started. */
  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Does rounds in the background, the first after a while. */
  start(): void {
    this.#loop = this.#rounds();
  }

  /** Does every chore once, after the round that runs. */
  run(): Promise<void> {
    return this.#turns.run(() => this.#round({ orphans: true }));
  }

  /** Stops after the running chore. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#turns.run(() => Promise.resolve());
  }

  async #rounds(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    for (let round = 1; !signal.aborted; round++) {
      try {
        await clock.sleep(ROUND_MS, signal);
      } catch {
        // The sleep is cut short by stop().
        return;
      }
      const orphans = round % ORPHAN_ROUNDS === 0;
      await this.#turns.run(() => this.#round({ orphans }));
    }
  }

  async #round(due: { readonly orphans: boolean }): Promise<void> {
    const { directory, partitions, sweeper, state, collector, time } = this.#options;
    const nowMs = time.nowMs();
    await this.#chore("open partitions", () => partitions.openAll(this.#stop.signal));
    await this.#chore("apply what had no room", () => partitions.catchUp());
    await this.#chore("repair the directory", () => directory.repair(partitions.primaries, nowMs));
    await this.#chore("remove packs of deleted repositories", () => sweeper.removeFreed());
    if (due.orphans) {
      const { signal } = this.#stop;
      await this.#chore("remove orphaned extents", () => sweeper.removeOrphans(nowMs, signal));
    }
    await this.#chore("forget old rows", () => state.forget(nowMs));
    if (due.orphans) {
      const { signal } = this.#stop;
      await this.#chore("free packs that nobody reaches", () => collector.collect(signal));
    }
    await this.#chore("truncate logs", () => state.truncateLogs());
  }

  async #chore(name: string, work: () => Promise<unknown>): Promise<void> {
    if (this.#stop.signal.aborted) return;
    try {
      await work();
    } catch (error) {
      // A node that stops ends its chores half-way; that is no fault.
      if (this.#stop.signal.aborted) return;
      this.#options.logger.error("Fail a chore", {
        chore: name,
        ...(error instanceof Error ? { error } : { reason: String(error) }),
      });
    }
  }
}
