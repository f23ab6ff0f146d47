/**
 * The partitions that a node serves, opened when first asked for.
 *
 * @module
 */

import { GitStratumError, PARTITION_COUNT } from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import {
  type Decide,
  PartitionPrimary,
  type PartitionPrimaryOptions,
} from "./partition_primary.ts";

/** Opened primaries, and a new one where the last has ended. */
export class PartitionTable {
  readonly #options: Omit<PartitionPrimaryOptions, "partition">;
  readonly #primaries = new Map<Partition, Promise<PartitionPrimary>>();
  #closed = false;

  /** Makes a table in which nothing is open. */
  constructor(options: Omit<PartitionPrimaryOptions, "partition">) {
    this.#options = options;
  }

  /**
   * The primary of a partition. When it resolves, all that was ever acknowledged has been applied.
   *
   * @throws what {@link PartitionPrimary.open} throws; the next call tries again
   */
  async primary(partition: Partition): Promise<PartitionPrimary> {
    for (;;) {
      const opening = this.#primaries.get(partition);
      const known = await opening;
      if (known !== undefined && !known.ended) return known;
      // While this waited, another caller may have seen the same end.
      if (this.#primaries.get(partition) !== opening) continue;
      return await this.#reopen(partition, known);
    }
  }

  /** Decides a request in a partition; see {@link PartitionPrimary.submit}. */
  async submit<T>(partition: Partition, decide: Decide<T>): Promise<T> {
    return await (await this.primary(partition)).submit(decide);
  }

  /** Opens whatever is not open yet. */
  async openAll(): Promise<void> {
    const partitions = Array.from({ length: PARTITION_COUNT }, (_, index) => index as Partition);
    await Promise.all(partitions.map((partition) => this.primary(partition)));
  }

  /** Primaries that are open now. */
  async *opened(): AsyncGenerator<readonly [Partition, PartitionPrimary]> {
    for (const [partition, opening] of [...this.#primaries]) {
      const primary = await opening;
      if (!primary.ended) yield [partition, primary];
    }
  }

  /** Lets running batches finish and ends all primaries. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = await Promise.allSettled(this.#primaries.values());
    for (const result of opened) {
      if (result.status === "fulfilled") await result.value.close();
    }
  }

  #reopen(partition: Partition, ended: PartitionPrimary | undefined): Promise<PartitionPrimary> {
    if (this.#closed) {
      return Promise.reject(new GitStratumError("unavailable", "Stop serving partitions"));
    }
    const opening = this.#open(partition, ended);
    this.#primaries.set(partition, opening);
    opening.catch(() => {
      // Whoever asked is told; the next one starts over.
      if (this.#primaries.get(partition) === opening) this.#primaries.delete(partition);
    });
    return opening;
  }

  async #open(
    partition: Partition,
    ended: PartitionPrimary | undefined,
  ): Promise<PartitionPrimary> {
    // Two primaries of one partition in one process would both apply what they find in the log.
    await ended?.close();
    return await PartitionPrimary.open({ ...this.#options, partition });
  }
}
