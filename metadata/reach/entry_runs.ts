/**
 * Where the entries of a stored part come to stand in a pack stream, as runs that moved by the same
 * number of bytes.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { PackIndex } from "@gitstratum/core/pack";

/** Remembers the new places of entries that are placed in ascending order. */
export class EntryRuns {
  readonly #index: PackIndex;
  readonly #firsts: number[] = [];
  /** New position less stored offset, by run. */
  readonly #shifts: number[] = [];

  /** Nothing is placed yet. */
  constructor(index: PackIndex) {
    this.#index = index;
  }

  /** Places an entry; its ordinal is larger than all before. */
  place(ordinal: number, position: number): void {
    const shift = position - this.#index.offsetAt(ordinal);
    if (this.#shifts.at(-1) === shift) return;
    this.#firsts.push(ordinal);
    this.#shifts.push(shift);
  }

  /** The new position of an entry that was placed. */
  positionOf(ordinal: number): number {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#firsts[middle]! <= ordinal) low = middle;
      else high = middle - 1;
    }
    const shift = this.#shifts[low];
    assert(shift !== undefined, "An entry is placed before it is asked for");
    return this.#index.offsetAt(ordinal) + shift;
  }
}
