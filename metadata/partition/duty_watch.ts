/**
 * Follows the duties of a node: gives partitions up at once, takes others over as they come.
 *
 * Fault model: a partition that can not be taken over is tried again with the next change, with the
 * next request that needs it, and by the node's upkeep.
 *
 * @module
 */

import type { Logger } from "@gitstratum/core";
import type { PartitionDuties } from "./partition_duties.ts";
import type { PartitionTable } from "./partition_table.ts";

/** What a watch stands on. */
export interface DutyWatchOptions {
  readonly duties: PartitionDuties;
  readonly partitions: PartitionTable;
  readonly logger: Logger;
}

/** Acts on changes of duties until it is stopped. */
export class DutyWatch {
  readonly #options: DutyWatchOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #opening: Promise<void> | undefined;
  /** Whether duties changed since the running round of openings began. */
  #isOutdated = false;

  /** Starts with the duties of this moment. */
  constructor(options: DutyWatchOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Stops acting; what is open stays open, and what is about to settle does so when it is closed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#opening;
  }

  async #run(): Promise<void> {
    const { duties, partitions } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { version } = duties;
      // Neither is waited for: a partition settles only after it got the claim that it waits for, and
      // that may never come, because another change gave the partition back to its holder.
      void this.#attempt("let partitions go", () => partitions.settle());
      this.#isOutdated = true;
      this.#opening ??= this.#open();
      try {
        await duties.changed(version, signal);
      } catch (error) {
        if (signal.aborted) return;
        // The process is ending, in whatever order: what is open stays so until it is closed.
        return this.#options.logger.error("Hear of no more changes of duties", {
          reason: String(error),
        });
      }
    }
  }

  /** Opens what is due, until no change came in between. */
  async #open(): Promise<void> {
    while (this.#isOutdated && !this.#stop.signal.aborted) {
      this.#isOutdated = false;
      await this.#attempt(
        "open partitions",
        () => this.#options.partitions.openAll(this.#stop.signal),
      );
    }
    this.#opening = undefined;
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#options.logger.warn("Fail to act on a change of duties", {
        what,
        ...(error instanceof Error ? { error } : { reason: String(error) }),
      });
    }
  }
}
