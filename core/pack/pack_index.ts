/**
 * Reader of pack indexes (docs/formats/pack-index.md).
 *
 * Purpose: answer for every object of a pack group where its entry is, what it is and what it refers
 * to, without an allocation per object: the methods read typed arrays laid over the file.
 *
 * Invariants: an index that was opened is consistent: ids ascend, ordinals are a permutation, offsets
 * ascend inside their packs, every reference names an ordinal or an external row. Callers may follow
 * what it says without checks of their own.
 *
 * Fault model: bytes come from disks and from the network; anything that is not what the encoder
 * wrote is `corrupt`. A version or chunk from the future is `unsupported`.
 *
 * @module
 */

import { assert, AssertionError } from "../assert.ts";
import { type ObjectType, objectTypeOf } from "../git/object_type.ts";
import { type ObjectFormat, type Oid, oidBytes, oidFromBytes } from "../git/oid.ts";
import { checkPackIndex, packIndexChecks } from "./pack_index_check.ts";
import {
  EXTERNAL_IS_BASE,
  EXTERNAL_IS_LINK,
  EXTERNAL_TYPE_SHIFT,
  NO_BASE,
  SIZE_IS_LARGE,
} from "./pack_index_layout.ts";
import { type PackIndexTables, readPackIndexTables } from "./pack_index_tables.ts";

/** How an entry is stored: 0 = whole, 1 = offset delta, 2 = reference delta. */
export type EntryStorage = 0 | 1 | 2;

/** An opened pack index. */
export class PackIndex {
  /** Hash function of the ids. */
  readonly format: ObjectFormat;
  /** Every object of the group is reachable from the tips through objects of the group. */
  readonly closed: boolean;
  /** Objects in the history pack. */
  readonly historyCount: number;
  /** Objects in the content pack. */
  readonly contentCount: number;
  /** Objects in both packs; ordinals are smaller. */
  readonly objectCount: number;
  /** Bytes of the history pack. */
  readonly historyBytes: number;
  /** Bytes of the content pack. */
  readonly contentBytes: number;
  /** Bytes of the index itself. */
  readonly fileBytes: number;
  /** Rows of objects outside the group that the group refers to. */
  readonly externalCount: number;
  /** Commits in the group. */
  readonly commitCount: number;
  /** Annotated tags in the group. */
  readonly tagCount: number;
  /** References of the new values of the push's references. */
  readonly tips: Uint32Array;

  readonly #tables: PackIndexTables;
  readonly #width: number;

  private constructor(tables: PackIndexTables) {
    this.#tables = tables;
    this.#width = oidBytes(tables.format);
    this.format = tables.format;
    this.closed = tables.closed;
    this.historyCount = tables.historyCount;
    this.contentCount = tables.contentCount;
    this.objectCount = tables.historyCount + tables.contentCount;
    this.historyBytes = tables.historyBytes;
    this.contentBytes = tables.contentBytes;
    this.fileBytes = tables.fileBytes;
    this.externalCount = tables.externalFlags.length;
    this.commitCount = tables.commits.length / 6;
    this.tagCount = tables.tags.length / 2;
    this.tips = tables.tips;
  }

  /**
   * Opens an index. The bytes belong to the index from now on and must not change.
   *
   * @throws `corrupt` when the checksum, a chunk or a reference is wrong
   * @throws `unsupported` when the version or a required chunk is unknown
   */
  static open(bytes: Uint8Array<ArrayBuffer>): PackIndex {
    const tables = readPackIndexTables(bytes);
    checkPackIndex(tables);
    return new PackIndex(tables);
  }

  /**
   * Opens an index in steps of about a millisecond, and waits for `pause` between them where it says
   * so. As {@link open} otherwise.
   *
   * @throws as {@link open}
   */
  static async openInSteps(
    bytes: Uint8Array<ArrayBuffer>,
    pause: () => Promise<void> | undefined,
  ): Promise<PackIndex> {
    const tables = readPackIndexTables(bytes);
    for (const _ of packIndexChecks(tables)) {
      const due = pause();
      if (due !== undefined) await due;
    }
    return new PackIndex(tables);
  }

  /** The ordinal of the id that stands at `offset` of `oid`, or -1 when the group lacks it. */
  find(oid: Uint8Array, offset = 0): number {
    const row = findRow(this.#tables.oids, this.#width, { oid, offset });
    return row < 0 ? -1 : this.#tables.ordinals[row]!;
  }

  /** The external row of the id that stands at `offset` of `oid`, or -1. */
  findExternal(oid: Uint8Array, offset = 0): number {
    return findRow(this.#tables.externals, this.#width, { oid, offset });
  }

  /** The id of an object. */
  oidAt(ordinal: number): Oid {
    return oidFromBytes(this.#tables.oids, this.format, this.#oidOffset(ordinal));
  }

  /** Copies the 20 or 32 bytes of an object's id to `target` from `at` on. */
  copyOid(ordinal: number, target: Uint8Array, at: number): void {
    const offset = this.#oidOffset(ordinal);
    const oids = this.#tables.oids;
    for (let index = 0; index < this.#width; index++) target[at + index] = oids[offset + index]!;
  }

  /** The ordinal of the id in row `row` of the ids in ascending order. */
  ordinalAtRow(row: number): number {
    return item(this.#tables.ordinals, row);
  }

  /** The ids in ascending order, one after the other; not to be changed. */
  get sortedOids(): Uint8Array {
    return this.#tables.oids;
  }

  /** The type of an object. */
  typeAt(ordinal: number): ObjectType {
    const type = objectTypeOf(this.typeCodeAt(ordinal));
    assert(type !== undefined, "Types were checked when the index was opened");
    return type;
  }

  /** The type of an object as its number in pack entries. */
  typeCodeAt(ordinal: number): number {
    return item(this.#tables.kinds, ordinal) & 7;
  }

  /** How the entry of an object is stored. */
  storageAt(ordinal: number): EntryStorage {
    return (item(this.#tables.kinds, ordinal) >> 3) as EntryStorage;
  }

  /** The pack that holds an object: history or content. */
  partAt(ordinal: number): "h" | "c" {
    return ordinal < this.historyCount ? "h" : "c";
  }

  /** Offset of an object's entry in its pack, in bytes. */
  offsetAt(ordinal: number): number {
    return tableOffset(this.#tables, ordinal);
  }

  /** Length of an object's entry, in bytes: header, base and zlib stream. */
  lengthAt(ordinal: number): number {
    const next = ordinal + 1;
    const end = next === this.historyCount
      ? this.historyBytes
      : next === this.objectCount
      ? this.contentBytes
      : this.offsetAt(next);
    return end - this.offsetAt(ordinal);
  }

  /** Inflated size of an object in bytes. */
  sizeAt(ordinal: number): number {
    const size = item(this.#tables.sizes, ordinal);
    return size === SIZE_IS_LARGE ? this.#largeSizeAt(ordinal) : size;
  }

  /** The reference of an object's delta base, or {@link NO_BASE}. */
  baseAt(ordinal: number): number {
    return item(this.#tables.bases, ordinal);
  }

  /** Whether an object is stored as a delta. */
  isDelta(ordinal: number): boolean {
    return this.baseAt(ordinal) !== NO_BASE;
  }

  /** The id of an external object. */
  externalOid(row: number): Oid {
    assert(row >= 0 && row < this.externalCount, "An external row is in range");
    return oidFromBytes(this.#tables.externals, this.format, row * this.#width);
  }

  /** The ids of the external objects in ascending order; not to be changed. */
  get externalOids(): Uint8Array {
    return this.#tables.externals;
  }

  /** The flags of an external row: `EXTERNAL_IS_LINK`, `EXTERNAL_IS_BASE`, `EXTERNAL_IS_TIP`. */
  externalFlags(row: number): number {
    return item(this.#tables.externalFlags, row);
  }

  /** Whether some object of the group links to the external object. */
  externalIsLink(row: number): boolean {
    return (this.externalFlags(row) & EXTERNAL_IS_LINK) !== 0;
  }

  /** Whether the external object is the delta base of some object of the group. */
  externalIsBase(row: number): boolean {
    return (this.externalFlags(row) & EXTERNAL_IS_BASE) !== 0;
  }

  /** The type number that links expect of the external object; 0 when none says. */
  externalTypeCode(row: number): number {
    return this.externalFlags(row) >> EXTERNAL_TYPE_SHIFT;
  }

  /** The ordinal of commit number `index`; they ascend. */
  commitOrdinal(index: number): number {
    return item(this.#tables.commits, index * 6);
  }

  /** The number of the commit with the given ordinal, or -1 when it is no commit. */
  commitIndexOf(ordinal: number): number {
    let low = 0;
    let high = this.commitCount - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.commitOrdinal(middle);
      if (found === ordinal) return middle;
      if (found < ordinal) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The reference of a commit's tree. */
  commitTree(index: number): number {
    return item(this.#tables.commits, index * 6 + 1);
  }

  /** Committer time in seconds since the Unix epoch. */
  commitTimeS(index: number): number {
    const low = item(this.#tables.commits, index * 6 + 4);
    const high = item(this.#tables.commits, index * 6 + 5) | 0;
    return high * 0x1_0000_0000 + low;
  }

  /** References of a commit's parents, in their order; not to be changed. */
  commitParents(index: number): Uint32Array {
    const { commits, parents } = this.#tables;
    const start = item(commits, index * 6 + 2);
    const end = index + 1 < this.commitCount ? item(commits, index * 6 + 8) : parents.length;
    return parents.subarray(start, end);
  }

  /** The ordinal of tag number `index`; they ascend. */
  tagOrdinal(index: number): number {
    return item(this.#tables.tags, index * 2);
  }

  /** The reference of a tag's target. */
  tagTarget(index: number): number {
    return item(this.#tables.tags, index * 2 + 1);
  }

  /** Where in the ascending ids an ordinal's id stands. */
  #oidOffset(ordinal: number): number {
    this.#rows ??= invert(this.#tables.ordinals);
    return item(this.#rows, ordinal) * this.#width;
  }
  #rows: Uint32Array | undefined;

  #largeSizeAt(ordinal: number): number {
    const pairs = this.#tables.largeSizes;
    for (let row = 0; row < pairs.length; row += 2) {
      if (Number(pairs[row]!) === ordinal) return Number(pairs[row + 1]!);
    }
    throw new AssertionError("Large sizes were checked when the index was opened");
  }
}

function item(table: Uint32Array | Uint8Array, index: number): number {
  const value = table[index];
  assert(value !== undefined, "An index into a pack index is in range");
  return value;
}

function tableOffset(tables: PackIndexTables, ordinal: number): number {
  const high = tables.offsetsHigh.length === 0 ? 0 : tables.offsetsHigh[ordinal]!;
  return high * 0x1_0000_0000 + item(tables.offsets, ordinal);
}

function invert(ordinals: Uint32Array): Uint32Array {
  const rows = new Uint32Array(ordinals.length);
  for (let row = 0; row < ordinals.length; row++) rows[ordinals[row]!] = row;
  return rows;
}

/** Binary search in a table of ascending ids. */
function findRow(
  table: Uint8Array,
  width: number,
  key: { readonly oid: Uint8Array; readonly offset: number },
): number {
  let low = 0;
  let high = table.length / width - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const order = compareBytes(table, middle * width, key, width);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function compareBytes(
  table: Uint8Array,
  at: number,
  key: { readonly oid: Uint8Array; readonly offset: number },
  width: number,
): number {
  for (let index = 0; index < width; index++) {
    const difference = table[at + index]! - key.oid[key.offset + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
