/**
 * Sets of small numbers: commits by node, objects by position.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

/** A set of numbers `0 .. size - 1`, one bit each. */
export class BitSet {
  /** Numbers are smaller than this. */
  readonly size: number;
  readonly #words: Uint32Array;

  /** Makes an empty set, or a copy of `source` with room for `size` numbers. */
  constructor(size: number, source?: BitSet) {
    this.size = size;
    this.#words = new Uint32Array((size + 31) >>> 5);
    if (source !== undefined) {
      assert(source.size <= size, "A copied set fits");
      this.#words.set(source.#words);
    }
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Whether the set holds `item`; false for anything outside its range. */
  has(item: number): boolean {
    return item >= 0 && ((this.#words[item >>> 5] ?? 0) & (1 << (item & 31))) !== 0;
  }

  /** Adds `item`; true when it was not there. */
  add(item: number): boolean {
    assert(item >= 0 && item < this.size, "A set's item is in range");
    const word = this.#words[item >>> 5]!;
    const mask = 1 << (item & 31);
    if ((word & mask) !== 0) return false;
    this.#words[item >>> 5] = word | mask;
    return true;
  }

  /** Removes `item`. */
  delete(item: number): void {
    if (item < 0 || item >= this.size) return;
    this.#words[item >>> 5] = this.#words[item >>> 5]! & ~(1 << (item & 31));
  }

  /** Adds `start .. end - 1`. */
  addRange(start: number, end: number): void {
    assert(start >= 0 && end <= this.size, "A range of a set is in range");
    let at = start;
    while (at < end && (at & 31) !== 0) this.add(at++);
    const wordEnd = end >>> 5;
    if (at < end && (at >>> 5) < wordEnd) {
      this.#words.fill(0xffffffff, at >>> 5, wordEnd);
      at = wordEnd << 5;
    }
    while (at < end) this.add(at++);
  }

  /** How many of `start .. end - 1` the set holds. */
  count(start = 0, end = this.size): number {
    let sum = 0;
    let at = start;
    while (at < end && (at & 31) !== 0) sum += this.has(at++) ? 1 : 0;
    for (; at + 32 <= end; at += 32) sum += bitCount(this.#words[at >>> 5]!);
    while (at < end) sum += this.has(at++) ? 1 : 0;
    return sum;
  }

  /** The smallest item `>= from` and `< end`, or -1. */
  next(from: number, end = this.size): number {
    let at = from;
    while (at < end) {
      const word = this.#words[at >>> 5]! >>> (at & 31);
      if (word !== 0) {
        const found = at + 31 - Math.clz32(word & -word);
        return found < end ? found : -1;
      }
      at = ((at >>> 5) + 1) << 5;
    }
    return -1;
  }

  /** The items in ascending order; the set may lose items meanwhile. */
  *items(start = 0, end = this.size): Generator<number> {
    for (let at = this.next(start, end); at >= 0; at = this.next(at + 1, end)) yield at;
  }

  /** Adds everything that `other`, which is no larger, holds. */
  unite(other: BitSet): void {
    assert(other.size <= this.size, "A united set fits");
    for (let index = 0; index < other.#words.length; index++) {
      this.#words[index] = this.#words[index]! | other.#words[index]!;
    }
  }

  /** Removes everything that `other` holds. */
  subtract(other: BitSet): void {
    const count = Math.min(this.#words.length, other.#words.length);
    for (let index = 0; index < count; index++) {
      this.#words[index] = this.#words[index]! & ~other.#words[index]!;
    }
  }
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
