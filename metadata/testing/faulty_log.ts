/**
 * A log between a primary and the real one that fails on demand.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Epoch, Log, LogEntry, LogHead, Lsn, Partition } from "@gitstratum/core/consensus";

/** What happens to an append. */
export type AppendFault =
  /** It fails, and nothing was written. */
  | "lost"
  /** It finds no room; nothing was written. */
  | "disk-full"
  /** It is written, but its answer is lost. */
  | "answer-lost"
  /** It is written, and everything after it fails: the node died here. */
  | "crash-after"
  /** Everything fails from this append on. */
  | "crash-before";

/** A {@link Log} whose appends fail as {@link fault} says. */
export class FaultyLog implements Log {
  /** Asked before each append, which has a number from 1. */
  fault: (append: number) => AppendFault | undefined = () => undefined;
  /** Awaited before each append. */
  gate: Promise<void> = Promise.resolve();
  /** Awaited before each read. */
  readGate: Promise<void> = Promise.resolve();
  /** Appends that were asked for. */
  appendCount = 0;
  /** Entries that were read, apart from those watched. */
  readCount = 0;
  readonly #log: Log;
  #crashed = false;

  /** Passes everything on to `log`. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** Fails whatever is asked from now on. */
  crash(): void {
    this.#crashed = true;
  }

  /** Works again, as after the start of a new process. */
  revive(): void {
    this.#crashed = false;
    this.fault = () => undefined;
  }

  async append(
    partition: Partition,
    options: {
      readonly epoch: Epoch;
      readonly expectedLsn: Lsn;
      readonly payloads: readonly Uint8Array[];
    },
  ): Promise<Lsn> {
    this.#check();
    const fault = this.fault(++this.appendCount);
    if (fault === "disk-full") throw new GitStratumError("disk-full", "Find no room for the log");
    if (fault === "crash-before") this.#crashed = true;
    if (fault === "lost" || fault === "crash-before") throw gone();
    await this.gate;
    const lsn = await this.#log.append(partition, options);
    if (fault === "crash-after") this.#crashed = true;
    if (fault !== undefined) throw gone();
    return lsn;
  }

  head(partition: Partition): Promise<LogHead> {
    this.#check();
    return this.#log.head(partition);
  }

  fence(partition: Partition, epoch: Epoch): Promise<LogHead> {
    this.#check();
    return this.#log.fence(partition, epoch);
  }

  async read(partition: Partition, after: Lsn, limit: number): Promise<readonly LogEntry[]> {
    this.#check();
    await this.readGate;
    const entries = await this.#log.read(partition, after, limit);
    this.readCount += entries.length;
    return entries;
  }

  async *watch(
    partition: Partition,
    after: Lsn,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogEntry[]> {
    for await (const entries of this.#log.watch(partition, after, signal)) {
      this.#check();
      yield entries;
    }
  }

  truncate(partition: Partition, upTo: Lsn): Promise<void> {
    this.#check();
    return this.#log.truncate(partition, upTo);
  }

  #check(): void {
    if (this.#crashed) throw gone();
  }
}

function gone(): GitStratumError {
  return new GitStratumError("unavailable", "Lose the connection to the log");
}
