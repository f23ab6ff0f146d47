/**
 * A ring of objects in linear memory: new ones overwrite the oldest. Packs keep a delta near its base,
 * so that first in, first out finds most bases, and no object is ever moved or freed.
 *
 * A ring begins small and grows when an object comes that is large for it, so that room for the largest
 * objects is touched by pushes that have some, and by no others. What stood in the smaller ring stays
 * where it is until the larger one comes round to it.
 *
 * Invariant: an object takes at most a third of the ring, so that a base, its result and the gap at the
 * ring's end fit together.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";

/** How many objects of the largest kind fit a ring. */
const OBJECT_SHARE = 3;

/** How large a ring is, in bytes. */
export interface ObjectRingSizes {
  /** At most. */
  readonly bytes: number;
  /** At the start; the most unless told. */
  readonly startBytes?: number;
}

/** The ring before it grew: its objects stand in the first `bytes` bytes. */
interface SmallerRing {
  readonly bytes: number;
  /** First place that was there when it grew. */
  readonly start: number;
  /** Place at which the larger ring comes round to them. */
  readonly overwrittenFrom: number;
}

/** Places are counted from the ring's beginning and never come again. */
export class ObjectRing {
  readonly #pointer: number;
  readonly #bytesMax: number;
  #bytes: number;
  #head = 0;
  /** First place of the ring since it grew. */
  #start = 0;
  #smaller: SmallerRing | undefined;

  /** Makes a ring at `pointer`, where there is room for it at its largest. */
  constructor(pointer: number, sizes: ObjectRingSizes) {
    this.#pointer = pointer;
    this.#bytesMax = sizes.bytes;
    this.#bytes = this.#sizeFrom(sizes.startBytes ?? sizes.bytes);
  }

  /** Takes room for `bytes` bytes in a row; returns the place. Whatever stood there is gone. */
  reserve(bytes: number): number {
    if (this.#isLarge(bytes)) this.#grow(bytes);
    const place = this.#placeFor(bytes);
    this.#head = place + bytes;
    return place;
  }

  /** Whether an object at `place` would still be there after `reserve(bytes)`. */
  survives(place: number, bytes: number): boolean {
    // A ring that grows keeps what it has, but nothing of a ring that was smaller still.
    if (this.#isLarge(bytes)) return place >= this.#start && this.holds(place);
    return this.#isBefore(place, this.#placeFor(bytes) + bytes);
  }

  /** Whether the object at `place` is still there. */
  holds(place: number): boolean {
    return this.#isBefore(place, this.#head);
  }

  /** Where a place is in linear memory. */
  pointerOf(place: number): number {
    assert(this.holds(place), "A place of the ring is read while it holds");
    return this.#pointer + place % (place >= this.#start ? this.#bytes : this.#smaller!.bytes);
  }

  /** Whether what stands at `place` is still there when the ring is written up to `head`. */
  #isBefore(place: number, head: number): boolean {
    if (place < 0) return false;
    if (place >= this.#start) return place >= head - this.#bytes;
    const smaller = this.#smaller;
    return smaller !== undefined && place >= smaller.start && head <= smaller.overwrittenFrom;
  }

  /** A size from which a step to the largest leaves room for an object behind what there is. */
  #sizeFrom(bytes: number): number {
    return bytes > this.#bytesMax - this.#bytesMax / OBJECT_SHARE ? this.#bytesMax : bytes;
  }

  #isLarge(bytes: number): boolean {
    return OBJECT_SHARE * bytes > this.#bytes && this.#bytes < this.#bytesMax;
  }

  #grow(bytes: number): void {
    const smaller = this.#bytes;
    while (this.#isLarge(bytes)) this.#bytes = this.#sizeFrom(2 * this.#bytes);
    const round = Math.ceil(this.#head / this.#bytes) * this.#bytes;
    this.#smaller = {
      bytes: smaller,
      start: Math.max(this.#start, this.#head - smaller),
      overwrittenFrom: round + this.#bytes,
    };
    // Behind the smaller ring, so that its objects stay.
    this.#start = round + smaller;
    this.#head = this.#start;
  }

  #placeFor(bytes: number): number {
    assert(bytes <= this.#bytes, "An object fits the ring");
    const offset = this.#head % this.#bytes;
    return offset + bytes <= this.#bytes ? this.#head : this.#head + this.#bytes - offset;
  }
}
