/**
 * Growing lists of numbers.
 *
 * @module
 */

import { grown } from "./grown.ts";

/** Unsigned 32-bit numbers, appended one by one. */
export class NumberList {
  /** Numbers in the list. */
  count = 0;
  #items = new Uint32Array(16);

  /** Appends a number. */
  push(value: number): void {
    if (this.count === this.#items.length) this.#items = grown(this.#items, this.count * 2);
    this.#items[this.count++] = value;
  }

  /** The number at `index`. */
  at(index: number): number {
    return this.#items[index]!;
  }

  /** The numbers so far, without a copy. */
  get items(): Uint32Array<ArrayBuffer> {
    return this.#items.subarray(0, this.count);
  }
}

/** 64-bit floats, appended one by one. */
export class FloatList {
  /** Numbers in the list. */
  count = 0;
  #items = new Float64Array(16);

  /** Appends a number. */
  push(value: number): void {
    if (this.count === this.#items.length) this.#items = grown(this.#items, this.count * 2);
    this.#items[this.count++] = value;
  }

  /** The number at `index`. */
  at(index: number): number {
    return this.#items[index]!;
  }

  /** The numbers so far, without a copy. */
  get items(): Float64Array<ArrayBuffer> {
    return this.#items.subarray(0, this.count);
  }
}
