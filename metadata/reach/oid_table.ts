/**
 * Ids of many small pack groups in one hash table, so that thousands of tiny pushes cost one probe.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

const EMPTY = 0;
/** Slots per id at most half full keep probe sequences short. */
const SLOTS_PER_ID = 2;
const SLOTS_MIN = 1024;

/** A growing map from ids to positions; ids are never removed. */
export class OidTable {
  readonly #width: number;
  #oids: Uint8Array;
  #positions: Uint32Array;
  /** Row + 1 of an id, or {@link EMPTY}. */
  #slots: Uint32Array;
  #count = 0;

  /** Makes an empty table for ids of `width` bytes. */
  constructor(width: 20 | 32) {
    this.#width = width;
    this.#oids = new Uint8Array(SLOTS_MIN * width);
    this.#positions = new Uint32Array(SLOTS_MIN);
    this.#slots = new Uint32Array(SLOTS_MIN * SLOTS_PER_ID);
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#oids.length + this.#positions.byteLength + this.#slots.byteLength;
  }

  /** Number of ids. */
  get count(): number {
    return this.#count;
  }

  /** The position of the id at `offset` of `oid`, or -1. */
  find(oid: Uint8Array, offset: number): number {
    const slot = this.#slots[this.#slotOf(oid, offset)]!;
    return slot === EMPTY ? -1 : this.#positions[slot - 1]!;
  }

  /** Adds the id at `offset` of `oid`, which must not be there yet. */
  add(oid: Uint8Array, offset: number, position: number): void {
    if ((this.#count + 1) * SLOTS_PER_ID > this.#slots.length) this.#grow();
    const slot = this.#slotOf(oid, offset);
    assert(this.#slots[slot] === EMPTY, "An id is added once");
    const row = this.#count++;
    const at = row * this.#width;
    for (let index = 0; index < this.#width; index++) this.#oids[at + index] = oid[offset + index]!;
    this.#positions[row] = position;
    this.#slots[slot] = row + 1;
  }

  /** The slot where the id is or would be. */
  #slotOf(oid: Uint8Array, offset: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(oid, offset) & mask;
    while (true) {
      const entry = this.#slots[slot]!;
      if (entry === EMPTY || this.#equals(entry - 1, oid, offset)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(row: number, oid: Uint8Array, offset: number): boolean {
    const at = row * this.#width;
    for (let index = 0; index < this.#width; index++) {
      if (this.#oids[at + index] !== oid[offset + index]) return false;
    }
    return true;
  }

  #grow(): void {
    const rows = this.#positions.length * 2;
    const oids = new Uint8Array(rows * this.#width);
    oids.set(this.#oids);
    const positions = new Uint32Array(rows);
    positions.set(this.#positions);
    this.#oids = oids;
    this.#positions = positions;
    this.#slots = new Uint32Array(rows * SLOTS_PER_ID);
    for (let row = 0; row < this.#count; row++) {
      this.#slots[this.#slotOf(oids, row * this.#width)] = row + 1;
    }
  }
}

/** Ids are hashes already; mixing two words makes ground-out prefixes cost more. */
function hashOf(oid: Uint8Array, offset: number): number {
  const low = oid[offset]! | (oid[offset + 1]! << 8) | (oid[offset + 2]! << 16) |
    (oid[offset + 3]! << 24);
  const high = oid[offset + 8]! | (oid[offset + 9]! << 8) | (oid[offset + 10]! << 16) |
    (oid[offset + 11]! << 24);
  const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca77);
  return mixed ^ (mixed >>> 15);
}
