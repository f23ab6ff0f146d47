/**
 * The index in memory: for each key the record that counts, and for each segment how many bytes of it
 * still count.
 *
 * Rows are kept in typed arrays, since there is one for every extent of a node: about 45 bytes beside
 * the key and its slot in the map.
 *
 * **Deletes.** A delete is a record too. It has to outlive every put record of its key that is older,
 * wherever one lies on disk, or that put would come back with the next start. So the index counts the
 * put records of each key (`copies`), dead ones included; a delete counts as living until the last of
 * them went with its segment.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import { recordBytesOf } from "./segment_format.ts";
import type { PlacedRecord } from "./segment_catalogue.ts";

/** A record and the segment that holds it. */
export interface LocatedRecord extends PlacedRecord {
  readonly segment: number;
}

const PUT = 1;
const DELETE = 2;
/** No record counts for the key yet, but put records of it are on disk. */
const NONE = 0;

/** The records that count. */
export class RecordIndex {
  readonly #rows = new Map<string, number>();
  readonly #columns = new Columns(1024);
  readonly #owners: string[] = [];
  readonly #ownerNumbers = new Map<string, number>();
  readonly #blockBytesOf: (segment: number) => number;
  readonly #livingBytes = new Map<number, number>();
  #putCount = 0;
  #putBytes = 0;
  #order: string[] | undefined;
  #added = new Set<string>();

  /** Makes an empty index; `blockBytesOf` tells the block size of a segment. */
  constructor(blockBytesOf: (segment: number) => number) {
    this.#blockBytesOf = blockBytesOf;
  }

  /** Number of keys with a payload. */
  get putCount(): number {
    return this.#putCount;
  }

  /** Bytes of all payloads. */
  get putBytes(): number {
    return this.#putBytes;
  }

  /** Number of deletes that still have to be kept. */
  get deleteCount(): number {
    return this.#rows.size - this.#putCount;
  }

  /** The put record that counts for a key. */
  find(key: string): LocatedRecord | undefined {
    const row = this.#rows.get(key);
    return row === undefined || this.#columns.kind[row] !== PUT ? undefined : this.#read(key, row);
  }

  /** Whether exactly this record, put or delete, counts for its key. */
  isLiving(record: LocatedRecord): boolean {
    const row = this.#rows.get(record.key);
    return row !== undefined && this.#columns.kind[row] !== NONE &&
      this.#columns.segment[row] === record.segment && this.#columns.offset[row] === record.offset;
  }

  /** Bytes of the records in a segment that count. */
  livingBytes(segment: number): number {
    return this.#livingBytes.get(segment) ?? 0;
  }

  /** Notes that a put record of `key` is on disk, or will be: to be called before it can be. */
  addCopy(key: string): void {
    const row = this.#rows.get(key) ?? this.#addRow(key);
    const copies = this.#columns.copies;
    copies[row] = copies[row]! + 1;
  }

  /** Takes a record into account: it counts from now on, unless a later one does. */
  apply(record: LocatedRecord): void {
    const row = this.#rows.get(record.key) ?? this.#addRow(record.key);
    const columns = this.#columns;
    if (columns.kind[row] !== NONE) {
      // Of two copies of one record that which was applied last counts: the other is to be removed.
      if (record.sequence < columns.sequence[row]!) return;
      this.#uncount(record.key, row);
    }
    columns.kind[row] = record.kind === "put" ? PUT : DELETE;
    columns.segment[row] = record.segment;
    columns.offset[row] = record.offset;
    columns.payloadBytes[row] = record.payloadBytes;
    columns.sequence[row] = record.sequence;
    columns.writtenAtMs[row] = record.writtenAtMs;
    columns.owner[row] = this.#ownerNumber(record.owner);
    this.#count(record.key, row);
  }

  /** Takes into account that a record which does not count is no longer on disk. */
  forget(record: LocatedRecord): void {
    const row = this.#rows.get(record.key);
    if (record.kind === "delete" || row === undefined) return;
    const copies = this.#columns.copies;
    assert(copies[row]! > 0, "A put record on disk was counted");
    copies[row] = copies[row]! - 1;
    this.#dropIfNeedless(record.key, row);
  }

  /** Drops deletes that nothing on disk needs any more: to be called once all records are known. */
  dropNeedlessDeletes(): void {
    for (const [key, row] of this.#rows) this.#dropIfNeedless(key, row);
  }

  /** Put records that count, in order of key, from the first key greater than `after`. */
  list(after: string, limit: number): LocatedRecord[] {
    const order = this.#ordered();
    const found: LocatedRecord[] = [];
    for (let at = firstAbove(order, after); at < order.length && found.length < limit; at++) {
      const record = this.find(order[at]!);
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  /** All keys in order; keys that came since the last call are merged in, gone ones drop out. */
  #ordered(): readonly string[] {
    if (this.#order === undefined) this.#order = [...this.#rows.keys()].sort();
    else if (this.#added.size > 0) {
      this.#order = merge(this.#order.filter((key) => !this.#added.has(key)), this.#added);
    }
    this.#added.clear();
    return this.#order;
  }

  #addRow(key: string): number {
    const row = this.#columns.take();
    this.#rows.set(key, row);
    if (this.#order !== undefined) this.#added.add(key);
    // More new keys than this are cheaper to sort with all the others than to be remembered.
    if (this.#added.size > 100_000) {
      this.#order = undefined;
      this.#added.clear();
    }
    return row;
  }

  #dropIfNeedless(key: string, row: number): void {
    const { kind, copies } = this.#columns;
    if (kind[row] === PUT || copies[row] !== 0) return;
    if (kind[row] === DELETE) this.#uncount(key, row);
    this.#rows.delete(key);
    this.#columns.release(row);
  }

  #count(key: string, row: number): void {
    this.#changeCounts(key, row, 1);
  }

  #uncount(key: string, row: number): void {
    this.#changeCounts(key, row, -1);
  }

  #changeCounts(key: string, row: number, sign: 1 | -1): void {
    const record = this.#read(key, row);
    const bytes = recordBytesOf(record, this.#blockBytesOf(record.segment));
    this.#livingBytes.set(record.segment, this.livingBytes(record.segment) + sign * bytes);
    if (record.kind === "delete") return;
    this.#putCount += sign;
    this.#putBytes += sign * record.payloadBytes;
  }

  #read(key: string, row: number): LocatedRecord {
    const columns = this.#columns;
    return {
      kind: columns.kind[row] === DELETE ? "delete" : "put",
      key,
      owner: this.#owners[columns.owner[row]!]!,
      segment: columns.segment[row]!,
      offset: columns.offset[row]!,
      payloadBytes: columns.payloadBytes[row]!,
      sequence: columns.sequence[row]!,
      writtenAtMs: columns.writtenAtMs[row]!,
    };
  }

  /** Owners are few and repeat: each is kept once. */
  #ownerNumber(owner: string): number {
    const known = this.#ownerNumbers.get(owner);
    if (known !== undefined) return known;
    this.#ownerNumbers.set(owner, this.#owners.length);
    return this.#owners.push(owner) - 1;
  }
}

class Columns {
  segment = new Uint32Array(0);
  offset = new Uint32Array(0);
  payloadBytes = new Uint32Array(0);
  owner = new Uint32Array(0);
  copies = new Uint32Array(0);
  sequence = new Float64Array(0);
  writtenAtMs = new Float64Array(0);
  kind = new Uint8Array(0);
  readonly #free: number[] = [];
  #used = 0;

  constructor(capacity: number) {
    this.#grow(capacity);
  }

  /** A row of zeros. */
  take(): number {
    const row = this.#free.pop() ?? this.#used++;
    if (row >= this.kind.length) this.#grow(this.kind.length * 2);
    return row;
  }

  release(row: number): void {
    this.kind[row] = NONE;
    this.copies[row] = 0;
    this.#free.push(row);
  }

  #grow(capacity: number): void {
    const grown32 = (old: Uint32Array<ArrayBuffer>) => {
      const larger = new Uint32Array(capacity);
      larger.set(old);
      return larger;
    };
    const grown64 = (old: Float64Array<ArrayBuffer>) => {
      const larger = new Float64Array(capacity);
      larger.set(old);
      return larger;
    };
    this.segment = grown32(this.segment);
    this.offset = grown32(this.offset);
    this.payloadBytes = grown32(this.payloadBytes);
    this.owner = grown32(this.owner);
    this.copies = grown32(this.copies);
    this.sequence = grown64(this.sequence);
    this.writtenAtMs = grown64(this.writtenAtMs);
    const kind = new Uint8Array(capacity);
    kind.set(this.kind);
    this.kind = kind;
  }
}

function firstAbove(order: readonly string[], after: string): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order[middle]! > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

function merge(ordered: readonly string[], added: ReadonlySet<string>): string[] {
  const fresh = [...added].sort();
  const merged: string[] = [];
  let at = 0;
  for (const key of ordered) {
    while (at < fresh.length && fresh[at]! < key) merged.push(fresh[at++]!);
    merged.push(key);
  }
  return merged.concat(fresh.slice(at));
}
