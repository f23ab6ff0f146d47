/**
 * Repeatable randomness for generated histories. Its streams are others than those of the core's:
 * kept crashers are known by them.
 *
 * @module
 */

import { mixedBits, nextCount } from "@gitstratum/core";

/** A small fast generator (mulberry32); equal seeds give equal sequences on every machine. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number 0 <= n < 1. */
  next(): number {
    this.#state = nextCount(this.#state);
    return mixedBits(this.#state) / 2 ** 32;
  }

  /** A whole number 0 <= n < limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("Nothing to pick from");
    return item;
  }

  /** Random bytes: nothing compresses them. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(Math.ceil(count / 4));
    for (let index = 0; index < words.length; index++) words[index] = this.next() * 4294967296;
    return new Uint8Array(words.buffer, 0, count);
  }
}
