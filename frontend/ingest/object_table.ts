/**
 * What is known of each entry of a pack while it is ingested: one row an entry, one typed array a
 * fact. Objects of the network that deltas build on get rows of their own behind the pack's.
 *
 * @module
 */

import { grown } from "./grown.ts";

/** Type, size and id of the object are known. */
export const ENTRY_IS_RESOLVED = 1;
/** The pack has the same object in an entry that was resolved before. */
export const ENTRY_IS_DUPLICATE = 2;
/** The object or its delta is too large to be held in memory. */
export const ENTRY_IS_LARGE = 4;
/** The object is stored whole although it came as a delta: its chain was too deep. */
export const ENTRY_IS_CUT = 8;
/** Not an entry of the pack, but an object of the network. */
export const ENTRY_IS_EXTERNAL = 16;
/** The base that counts is another entry than the one that the head points at. */
export const ENTRY_BASE_MOVED = 32;
/** A tree in git's order with usual modes, of which the checks had nothing to say. */
export const ENTRY_IS_PLAIN_TREE = 64;

/** An entry that is no delta. */
export const BASE_NONE = -1;

/** Names the id in `row` as the base of a delta; entries name themselves. */
export function baseOfRow(row: number): number {
  return -2 - row;
}

/** The row that a base names, for a base below {@link BASE_NONE}. */
export function rowOfBase(base: number): number {
  return -2 - base;
}

const ROWS_AT_START = 64;

/** Rows of entries, in the order of the pack. */
export class ObjectTable {
  /** Rows in use. */
  count = 0;
  /** Rows that the pack announced: room grows as they come, but not beyond. */
  expected = 0;
  /** Offset of the entry in the pack as it came, in bytes. */
  offsets = new Float64Array(ROWS_AT_START);
  /** Inflated size: of the object, or of the delta while that is unresolved. */
  sizes = new Float64Array(ROWS_AT_START);
  /** Type number as in the entry: 1 to 4, 6, 7. */
  codes = new Uint8Array(ROWS_AT_START);
  /** Type number of the object; 0 while unknown. */
  types = new Uint8Array(ROWS_AT_START);
  /** `ENTRY_IS_…` */
  flags = new Uint8Array(ROWS_AT_START);
  /** Bytes of the entry's head. */
  headBytes = new Uint8Array(ROWS_AT_START);
  /** Entry of the delta base, {@link BASE_NONE}, or `baseOfRow(row)` while it is not in the pack. */
  bases = new Int32Array(ROWS_AT_START);
  /** Deltas between the object as it is stored and one that is whole. */
  depths = new Uint16Array(ROWS_AT_START);
  /** Row of the object's id, or -1. */
  ids = new Int32Array(ROWS_AT_START);
  /** Place in the ring where the object stood last, or -1. */
  places = new Float64Array(ROWS_AT_START);

  /** Adds a row without a base. */
  add(): number {
    if (this.count === this.offsets.length) this.#grow();
    const entry = this.count++;
    this.bases[entry] = BASE_NONE;
    this.ids[entry] = -1;
    this.places[entry] = -1;
    return entry;
  }

  /** Whether the entry has one of the flags. */
  is(entry: number, flags: number): boolean {
    return (this.flags[entry]! & flags) !== 0;
  }

  /** The entry that begins at `offset`, or -1; entries are in order of offset. */
  entryAtOffset(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.offsets[middle]!;
      if (found === offset) return middle;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #grow(): void {
    const doubled = this.offsets.length * 2;
    const rows = this.count < this.expected ? Math.min(doubled, this.expected) : doubled;
    this.offsets = grown(this.offsets, rows);
    this.sizes = grown(this.sizes, rows);
    this.codes = grown(this.codes, rows);
    this.types = grown(this.types, rows);
    this.flags = grown(this.flags, rows);
    this.headBytes = grown(this.headBytes, rows);
    this.bases = grown(this.bases, rows);
    this.depths = grown(this.depths, rows);
    this.ids = grown(this.ids, rows);
    this.places = grown(this.places, rows);
  }
}
