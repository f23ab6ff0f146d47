/**
 * All ids that a push mentions, each once: objects it brings, objects that those link to, and bases of
 * deltas. Open addressing over typed arrays; an id is a row, rows are never removed.
 *
 * Hashing is seeded per table: clients choose the ids in their trees freely, and must not be able to
 * choose them so that they collide here.
 *
 * @module
 */

import { assert, INGEST_ID_COUNT_MAX } from "@gitstratum/core";
import { badPack } from "./bad_pack.ts";
import { grown } from "./grown.ts";

/** Some object of the push links to the id. */
export const ID_IS_LINKED = 1;
/** Some delta of the push has the id as its base. */
export const ID_IS_BASE = 2;
/** A reference of the push gets this value. */
export const ID_IS_TIP = 4;

const ROWS_AT_START = 256;

/** Rows of ids. */
export class IdTable {
  /** Length of an id in bytes. */
  readonly width: number;
  /** Rows in use. */
  count = 0;
  /** The ids, row after row. */
  bytes: Uint8Array<ArrayBuffer>;
  /** By row: the entry that holds the object, or -1. */
  entries: Int32Array<ArrayBuffer>;
  /** By row: `ID_IS_…`. */
  flags: Uint8Array<ArrayBuffer>;
  /** By row: the type that links expect or the object has; 0 = nobody said. */
  types: Uint8Array<ArrayBuffer>;

  readonly #multipliers: Uint32Array;
  readonly #words: number;
  /** Row + 1; 0 = free. */
  #slots: Int32Array<ArrayBuffer>;
  #mask: number;

  /** Makes an empty table for ids of `width` bytes; `seed` holds at least 64 random bytes. */
  constructor(width: number, seed: Uint8Array) {
    this.width = width;
    this.#words = width / 4;
    assert(seed.length >= 64, "A seed has 64 bytes");
    this.#multipliers = new Uint32Array(seed.slice(0, 64).buffer).map((word) => word | 1);
    this.bytes = new Uint8Array(ROWS_AT_START * width);
    this.entries = new Int32Array(ROWS_AT_START).fill(-1);
    this.flags = new Uint8Array(ROWS_AT_START);
    this.types = new Uint8Array(ROWS_AT_START);
    this.#slots = new Int32Array(ROWS_AT_START * 2);
    this.#mask = this.#slots.length - 1;
  }

  /** The row of the id at `at` of `source`, or -1. */
  find(source: Uint8Array, at: number): number {
    return this.#slots[this.#slotOf(source, at)]! - 1;
  }

  /**
   * The row of the id at `at` of `source`, made when it is new.
   *
   * @throws `invalid` when the push mentions too many ids
   */
  insert(source: Uint8Array, at: number): number {
    const slot = this.#slotOf(source, at);
    const found = this.#slots[slot]!;
    if (found !== 0) return found - 1;
    if (this.count === INGEST_ID_COUNT_MAX) {
      throw badPack("Reject a pack that mentions too many objects", { max: INGEST_ID_COUNT_MAX });
    }
    const row = this.count++;
    this.#slots[slot] = row + 1;
    if (row === this.entries.length) this.#growRows();
    const start = row * this.width;
    for (let byte = 0; byte < this.width; byte++) this.bytes[start + byte] = source[at + byte]!;
    if (this.count * 2 > this.#slots.length) this.#growSlots();
    return row;
  }

  /** Bytes of an id, not to be changed or kept. */
  id(row: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(row * this.width, (row + 1) * this.width);
  }

  /** An id in hexadecimal. */
  hex(row: number): string {
    return this.id(row).toHex();
  }

  #slotOf(source: Uint8Array, at: number): number {
    let slot = this.#hash(source, at) & this.#mask;
    for (;;) {
      const row = this.#slots[slot]! - 1;
      if (row < 0 || this.#equals(row, source, at)) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #hash(source: Uint8Array, at: number): number {
    let hash = 0;
    const keys = this.#multipliers;
    for (let word = 0; word < this.#words; word++, at += 4) {
      const value = source[at]! | source[at + 1]! << 8 | source[at + 2]! << 16 |
        source[at + 3]! << 24;
      hash = Math.imul(hash ^ value ^ keys[word + 8]!, keys[word]!);
      hash ^= hash >>> 15;
    }
    return hash >>> 0;
  }

  #equals(row: number, source: Uint8Array, at: number): boolean {
    const start = row * this.width;
    for (let byte = 0; byte < this.width; byte++) {
      if (this.bytes[start + byte] !== source[at + byte]) return false;
    }
    return true;
  }

  #growRows(): void {
    const rows = this.entries.length * 2;
    this.bytes = grown(this.bytes, rows * this.width);
    const used = this.entries.length;
    this.entries = grown(this.entries, rows).fill(-1, used);
    this.flags = grown(this.flags, rows);
    this.types = grown(this.types, rows);
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#mask = this.#slots.length - 1;
    for (let row = 0; row < this.count; row++) {
      let slot = this.#hash(this.bytes, row * this.width) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = row + 1;
    }
  }
}
