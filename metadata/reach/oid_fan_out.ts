/**
 * Look-up in a large table of ascending ids, in a few comparisons.
 *
 * Ids are spread evenly, so their first bits lead to a handful of rows.
 *
 * @module
 */

const NONE = -1;
/** Rows that one slot leads to, about. */
const ROWS_PER_SLOT = 4;
const SLOT_BITS_MAX = 24;

/** Finds rows by id. */
export class OidFanOut {
  readonly #oids: Uint8Array;
  readonly #width: number;
  readonly #shift: number;
  /** First row of each slot; one more than there are slots. */
  readonly #firsts: Uint32Array;

  /** Indexes a table of ascending ids of `width` bytes. */
  constructor(oids: Uint8Array, width: number) {
    this.#oids = oids;
    this.#width = width;
    const rows = oids.length / width;
    const bits = Math.ceil(Math.log2(Math.max(2, rows / ROWS_PER_SLOT)));
    this.#shift = 32 - Math.min(SLOT_BITS_MAX, bits);
    this.#firsts = new Uint32Array((1 << (32 - this.#shift)) + 1);
    let slot = 0;
    for (let row = 0; row < rows; row++) {
      for (const end = this.#slotOf(oids, row * width); slot <= end;) this.#firsts[slot++] = row;
    }
    this.#firsts.fill(rows, slot);
  }

  /** Bytes of memory, the ids left aside. */
  get bytes(): number {
    return this.#firsts.byteLength;
  }

  /** The row of the id at `offset` of `oid`, or -1. */
  find(oid: Uint8Array, offset: number): number {
    const slot = this.#slotOf(oid, offset);
    const end = this.#firsts[slot + 1]!;
    for (let row = this.#firsts[slot]!; row < end; row++) {
      if (this.#equals(row * this.#width, oid, offset)) return row;
    }
    return NONE;
  }

  #slotOf(oid: Uint8Array, offset: number): number {
    const head = (oid[offset]! << 24) | (oid[offset + 1]! << 16) | (oid[offset + 2]! << 8) |
      oid[offset + 3]!;
    return head >>> this.#shift;
  }

  #equals(at: number, oid: Uint8Array, offset: number): boolean {
    // From the end: rows of one slot begin alike.
    for (let index = this.#width - 1; index >= 0; index--) {
      if (this.#oids[at + index] !== oid[offset + index]) return false;
    }
    return true;
  }
}
