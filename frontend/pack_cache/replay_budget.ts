/**
 * Memory for the beginnings of packs that are being sent, kept for equal requests that come a moment
 * later.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

/** Counts bytes up to a bound. */
export class ReplayBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  /** A budget of `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes bytes; false when there are not so many left. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives taken bytes back. */
  give(bytes: number): void {
    assert(bytes <= this.#bytes, "Bytes are given back once");
    this.#bytes -= bytes;
  }
}
