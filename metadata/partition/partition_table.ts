/**
 * The partitions that a node serves or follows.
 *
 * @module
 */

import { PARTITION_COUNT, PARTITION_OPENING_COUNT_MAX } from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import type { Decide, PartitionPrimary } from "./partition_primary.ts";
import { PartitionSlot, type PartitionSlotOptions } from "./partition_slot.ts";

/** All partitions of a cluster. */
export const ALL_PARTITION_NUMBERS: readonly Partition[] = Array.from(
  { length: PARTITION_COUNT },
  (_, index) => index as Partition,
);

/** What a table stands on. */
export type PartitionTableOptions = Omit<PartitionSlotOptions, "partition">;

/** Any decision comes after the log has been read on, also one that decides nothing. */
const decideNothing: Decide<undefined> = () => ({ records: [], answer: undefined });

/** A node's partitions. Primaries are opened when first asked for, or all at once. */
export class PartitionTable {
  readonly #options: PartitionTableOptions;
  readonly #slots: readonly PartitionSlot[];

  /** Makes a table in which nothing is open. */
  constructor(options: PartitionTableOptions) {
    this.#options = options;
    this.#slots = ALL_PARTITION_NUMBERS.map((partition) =>
      new PartitionSlot({ ...options, partition })
    );
  }

  /** The primary of a partition; see {@link PartitionSlot.primary}. */
  async primary(partition: Partition): Promise<PartitionPrimary> {
    return await this.#slots[partition]!.primary();
  }

  /** Decides a request in a partition; see {@link PartitionPrimary.submit}. */
  async submit<T>(partition: Partition, decide: Decide<T>): Promise<T> {
    return await (await this.primary(partition)).submit(decide);
  }

  /**
   * Reads from the tables of a partition, which hold all that was acknowledged before the call. What
   * the reading throws is an answer, too: both are given only if the tables were not out of date.
   *
   * @throws what `work` throws; `unavailable` when this node can not tell
   */
  async read<T>(partition: Partition, work: () => T | Promise<T>): Promise<T> {
    const primary = await this.primary(partition);
    try {
      return await work();
    } finally {
      primary.confirm();
    }
  }

  /**
   * Reads as {@link read} does, once the tables hold all that the log held before the call, too: what
   * was appended and could not be applied, for want of room, was acknowledged to nobody and is decided
   * all the same. Whoever removes what nothing refers to has to know of it.
   *
   * @throws what `work` throws; `unavailable` when this node can not tell, or its tables have no room
   */
  async readCaughtUp<T>(partition: Partition, work: () => T | Promise<T>): Promise<T> {
    await this.submit(partition, decideNothing);
    return await this.read(partition, work);
  }

  /**
   * Applies what logs of open primaries hold and their tables had no room for.
   *
   * @throws `unavailable` when there is no room yet
   */
  async catchUp(): Promise<void> {
    for (const [, primary] of this.opened()) {
      if (primary.behind) await primary.submit(decideNothing);
    }
  }

  /** Reads from the tables of several partitions at once, as {@link read} does. */
  async readAll<T>(partitions: readonly Partition[], work: () => T): Promise<T> {
    const opened = await Promise.all(partitions.map((partition) => this.primary(partition)));
    const result = work();
    for (const primary of opened) primary.confirm();
    return result;
  }

  /** Whether all primaries that are due are open. */
  get ready(): boolean {
    return this.primaries.every((partition) => this.#slots[partition]!.opened !== undefined);
  }

  /**
   * The partitions of this node that it could serve at once; undefined while it has not looked at the
   * logs of all that it holds.
   */
  caughtUp(): Partition[] | undefined {
    const held = ALL_PARTITION_NUMBERS.filter((each) => this.#options.duties.of(each) !== "none");
    const standings = held.map((partition) => this.#slots[partition]!.standing);
    if (standings.includes("unknown")) return undefined;
    return held.filter((_, index) => standings[index] === "near");
  }

  /** The partitions of which this node is to be the primary. */
  get primaries(): Partition[] {
    return ALL_PARTITION_NUMBERS.filter((partition) => this.isPrimary(partition));
  }

  /** Whether this node is to be the primary of a partition. */
  isPrimary(partition: Partition): boolean {
    return this.#options.duties.of(partition) === "primary";
  }

  /**
   * Opens whatever this node is to be primary of and is not open yet, until the signal aborts.
   *
   * @throws the first of the errors that primaries met; the others are open all the same
   */
  async openAll(signal?: AbortSignal): Promise<void> {
    const due = this.primaries.filter((partition) => this.#slots[partition]!.opened === undefined);
    const errors: unknown[] = [];
    const openNext = async () => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) {
        if (signal?.aborted) return;
        await this.primary(next).catch((error) => errors.push(error));
      }
    };
    await Promise.all(Array.from({ length: PARTITION_OPENING_COUNT_MAX }, openNext));
    if (errors.length > 0) throw errors[0];
  }

  /** Adapts all partitions to the node's duties of this moment; primaries are opened by others. */
  async settle(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.settle()));
  }

  /** Primaries that are open now. */
  *opened(): Generator<readonly [Partition, PartitionPrimary]> {
    for (const partition of ALL_PARTITION_NUMBERS) {
      const primary = this.#slots[partition]!.opened;
      if (primary !== undefined) yield [partition, primary];
    }
  }

  /** Lets running batches finish and ends all primaries and followers. */
  async close(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }
}
