/**
 * Things that have a range of keys, found by the keys that they overlap with: a node watches hundreds
 * of logs, and a change is in one of them.
 *
 * Sorted by their first key, with the greatest end of all before each beside it, so that a search goes
 * back no further than something may still overlap.
 *
 * @module
 */

import type { KeyRange } from "./consensus.ts";

/** Something that has a range. */
interface Ranged {
  readonly range: KeyRange;
}

/** A set of things by their ranges; it is sorted anew when it is searched after a change. */
export class RangeIndex<T extends Ranged> {
  readonly #items = new Set<T>();
  #sorted: readonly T[] | undefined;
  #ends: readonly string[] = [];

  /** How many there are. */
  get size(): number {
    return this.#items.size;
  }

  /** Adds one. */
  add(item: T): void {
    this.#items.add(item);
    this.#sorted = undefined;
  }

  /** Takes one out. */
  delete(item: T): void {
    this.#items.delete(item);
    this.#sorted = undefined;
  }

  /** Takes all out. */
  clear(): void {
    this.#items.clear();
    this.#sorted = undefined;
  }

  /** All of them. */
  values(): Iterable<T> {
    return this.#items.values();
  }

  /** Those with a key from `first` to `last` in their range, both included; in no order. */
  overlapping(first: string, last: string): T[] {
    const sorted = this.#sorted ?? this.#sort();
    const found: T[] = [];
    for (let at = countUpTo(sorted, last) - 1; at >= 0 && this.#ends[at]! > first; at--) {
      if (sorted[at]!.range.to > first) found.push(sorted[at]!);
    }
    return found;
  }

  #sort(): readonly T[] {
    const sorted = [...this.#items].sort((a, b) => compare(a.range.from, b.range.from));
    let end = "";
    this.#ends = sorted.map(({ range }) => end = range.to > end ? range.to : end);
    return this.#sorted = sorted;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How many begin at a key or before it. */
function countUpTo(sorted: readonly Ranged[], key: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.range.from <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
