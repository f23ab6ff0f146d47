/**
 * Randomness that repeats: the source of tests, fault injection and the simulator. Never for secrets.
 *
 * @module
 */

import type { Random } from "./random.ts";

/** The count after another one, of 2^32 that come round. */
export function nextCount(count: number): number {
  return (count + 0x6d2b79f5) >>> 0;
}

/** 32 bits that belong to a count, as an unsigned number (mulberry32). */
export function mixedBits(count: number): number {
  let mixed = count;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

/** A stream of numbers that its seed decides (a counter, mixed; period 2^32). */
export class SeededRandom implements Random {
  #state: number;

  /** Starts the stream that belongs to `seed`, of which the low 32 bits count. */
  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0;
  }

  /** The next 32 bits as an unsigned number. */
  next(): number {
    this.#state = nextCount(this.#state);
    return mixedBits(this.#state);
  }

  /** A number from 0 up to, not including, `limit` (at most 2^32). */
  below(limit: number): number {
    return Math.floor(this.next() / 2 ** 32 * limit);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() / 2 ** 32 < probability;
  }

  /** `count` random bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index++) bytes[index] = this.next() >>> 24;
    return bytes;
  }
}
