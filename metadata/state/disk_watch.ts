/**
 * Whether a node can write its tables.
 *
 * A node whose disk is full can not apply what its logs say, so it should be the primary of nothing:
 * others, whose disks have room, have to be. Where there are none it still serves what it has. A write
 * that fails is believed until a larger one succeeds, because a full disk takes a little now and then.
 *
 * An entry that fills one disk may fill the others in the same moment. So a node first tells that it
 * takes nothing more, and only then that it gives away what it has: to give a partition to a node that
 * is just as full would leave it without one that can serve it.
 *
 * @module
 */

import { type Clock, type Logger, MIB } from "@gitstratum/core";
import type { TableDisk } from "./table_disk.ts";

/** With less room than this a node that was full does not begin anew. */
const PROBE_BYTES = 8 * MIB;
const PROBE_INTERVAL_MS = 1000;
/** A disk that was full for so long has been heard to be so by whoever could take partitions over. */
const LASTING_MS = 2500;
/** A node that still has to serve after so long is the only one left: nobody takes over. */
const HOPELESS_MS = 8000;

/** What a watch stands on. */
export interface DiskWatchOptions {
  /** Where the tables are. */
  readonly disk: Pick<TableDisk, "hasRoom">;
  /** Counts the time between two probes. */
  readonly clock: Clock;
  /** Told when the disk fails, and when it is well again. */
  readonly logger: Logger;
}

/** Remembers that a write failed, and finds out when the disk is well again. */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  readonly #stop = new AbortController();
  #probing: Promise<void> | undefined;
  #failedAtMs = 0;

  /** Makes a watch that takes the disk for well. */
  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Whether no write failed since the last one that showed that there is room. */
  get isWell(): boolean {
    return this.#probing === undefined;
  }

  /** Since when it is full, as heartbeats tell it; undefined while it is well. */
  get full(): "lately" | "lasting" | undefined {
    if (this.isWell) return undefined;
    const fullMs = this.#options.clock.monotonicMs() - this.#failedAtMs;
    return fullMs < LASTING_MS ? "lately" : "lasting";
  }

  /** Whether it has been full for so long that nobody else can have room. */
  get isHopeless(): boolean {
    return !this.isWell && this.#options.clock.monotonicMs() - this.#failedAtMs >= HOPELESS_MS;
  }

  /** A write failed for a reason that lies with the disk. */
  failed(error: unknown): void {
    if (this.#probing !== undefined || this.#stop.signal.aborted) return;
    this.#options.logger.error("Fail to write the tables, leave their partitions to whoever can", {
      reason: String(error),
    });
    this.#failedAtMs = this.#options.clock.monotonicMs();
    this.#probing = this.#probe().finally(() => this.#probing = undefined);
  }

  /** Probes no more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#probing;
  }

  async #probe(): Promise<void> {
    const { clock, disk, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await clock.sleep(PROBE_INTERVAL_MS, signal);
      } catch {
        // The sleep is cut short by close().
        return;
      }
      if (!await disk.hasRoom(PROBE_BYTES)) continue;
      logger.info("Find room for the tables again");
      return;
    }
  }
}
