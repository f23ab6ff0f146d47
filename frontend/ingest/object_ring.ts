/**
 * A ring of objects in linear memory: new ones overwrite the oldest. Packs keep a delta near its base,
 * so that first in, first out finds most bases, and no object is ever moved or freed.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

/** Places are counted from the ring's beginning and never come again. */
export class ObjectRing {
  readonly #pointer: number;
  readonly #bytes: number;
  #head = 0;

  /** Makes a ring over `bytes` bytes at `pointer`. */
  constructor(pointer: number, bytes: number) {
    this.#pointer = pointer;
    this.#bytes = bytes;
  }

  /** Takes room for `bytes` bytes in a row; returns the place. Whatever stood there is gone. */
  reserve(bytes: number): number {
    const place = this.#placeFor(bytes);
    this.#head = place + bytes;
    return place;
  }

  /** Whether an object at `place` would still be there after `reserve(bytes)`. */
  survives(place: number, bytes: number): boolean {
    return place >= 0 && place >= this.#placeFor(bytes) + bytes - this.#bytes;
  }

  /** Whether the object at `place` is still there. */
  holds(place: number): boolean {
    return place >= 0 && place >= this.#head - this.#bytes;
  }

  /** Where a place is in linear memory. */
  pointerOf(place: number): number {
    assert(this.holds(place), "A place of the ring is read while it holds");
    return this.#pointer + place % this.#bytes;
  }

  #placeFor(bytes: number): number {
    assert(bytes <= this.#bytes, "An object fits the ring");
    const offset = this.#head % this.#bytes;
    return offset + bytes <= this.#bytes ? this.#head : this.#head + this.#bytes - offset;
  }
}
