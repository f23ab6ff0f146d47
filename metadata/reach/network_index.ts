/**
 * The index over all pack groups of a network: from ids to positions, from positions to entries.
 *
 * Small groups share one hash table, large ones are searched one by one, so thousands of tiny pushes
 * cost one probe. Groups are only ever appended; an index that lost a group is built anew. Everything
 * that was read from it stays valid while it grows.
 *
 * @module
 */

import { assert, GitStratumError } from "@gitstratum/core";
import {
  type ObjectFormat,
  type ObjectType,
  objectTypeOf,
  type Oid,
  oidBytes,
  oidToBytes,
} from "@gitstratum/core/git";
import type { PackIndex } from "@gitstratum/core/pack";
import type { PackGroup } from "@gitstratum/core/rpc";
import { CommitGraph } from "./commit_graph.ts";
import { OidTable } from "./oid_table.ts";
import { NONE, StoredGroup } from "./stored_group.ts";

/** Groups with fewer objects share the hash table. */
const SMALL_GROUP_OBJECTS = 4096;
/** Ids that are looked up between two pauses. */
const ROWS_PER_STEP = 1 << 15;
/** Memory of a group besides its index file: views, tables, list entries. */
const GROUP_OVERHEAD_BYTES = 4096;
/** Memory of a map entry for a further copy. */
const COPY_BYTES = 32;

/** What a network stores. */
export class NetworkIndex {
  /** Hash function of the network. */
  readonly format: ObjectFormat;
  /** The commits of all groups. */
  readonly graph: CommitGraph;
  readonly #groups: StoredGroup[] = [];
  readonly #large: StoredGroup[] = [];
  readonly #small: OidTable;
  /** Objects that several groups store: from the canonical position to a copy, and on. */
  readonly #nextCopies = new Map<number, number>();
  /** Of indexes that were asked about; they go with these. */
  readonly #externalPositions = new WeakMap<PackIndex, Int32Array>();
  #bytes = 0;

  /** Makes the index of an empty network. */
  constructor(format: ObjectFormat) {
    this.format = format;
    this.graph = new CommitGraph();
    this.#small = new OidTable(oidBytes(format));
  }

  /** All groups, in commit order. */
  get groups(): readonly StoredGroup[] {
    return this.#groups;
  }

  /** Number of positions. */
  get size(): number {
    return this.#groups.at(-1)?.end ?? 0;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return this.#bytes + this.#small.bytes + this.graph.bytes +
      this.#nextCopies.size * COPY_BYTES;
  }

  /**
   * Appends the next group in commit order, in steps of some milliseconds. What is asked meanwhile is
   * answered without the group. Groups are added one after the other.
   *
   * @throws `corrupt` when the index does not fit the group, or a commit's parent is missing
   */
  *adding(group: PackGroup, index: PackIndex): Generator<void> {
    checkGroup(group, index, this.format);
    const start = this.size;
    const copies = yield* this.#copies(index, start);
    yield;
    const stored = new StoredGroup(group, index, {
      number: this.#groups.length,
      start,
      canonicals: copies && canonicalsOf(index.objectCount, start, copies),
      externals: this.#externals(index),
    });
    yield* this.graph.adding(stored, (position) => this.nodeAt(position));
    // From here on the group is there as a whole.
    for (const [ordinal, canonical] of copies ?? []) this.#noteCopy(canonical, start + ordinal);
    this.#groups.push(stored);
    if (index.objectCount >= SMALL_GROUP_OBJECTS) this.#large.push(stored);
    else this.#addSmall(stored);
    this.#bytes += index.fileBytes + index.objectCount * 8 + GROUP_OVERHEAD_BYTES;
  }

  /** The canonical position of the id at `offset` of `oid`, or {@link NONE}. */
  find(oid: Uint8Array, offset = 0): number {
    const small = this.#small.find(oid, offset);
    if (small !== NONE) return small;
    for (let number = this.#large.length - 1; number >= 0; number--) {
      const found = this.#large[number]!.find(oid, offset);
      if (found !== NONE) return found;
    }
    return NONE;
  }

  /** The canonical position of an id, or {@link NONE}. */
  findOid(oid: Oid): number {
    return this.find(oidToBytes(oid));
  }

  /**
   * The canonical position of what a row of an index's external objects names, or {@link NONE}. It is
   * looked up once: positions stay what they are.
   */
  externalOf(index: PackIndex, row: number): number {
    let positions = this.#externalPositions.get(index);
    if (positions === undefined) {
      positions = new Int32Array(index.externalCount).fill(NONE);
      this.#externalPositions.set(index, positions);
    }
    if (positions[row] === NONE) {
      positions[row] = this.find(index.externalOids, row * oidBytes(this.format));
    }
    return positions[row]!;
  }

  /** The group that stores a position. */
  groupAt(position: number): StoredGroup {
    let low = 0;
    let high = this.#groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#groups[middle]!.start <= position) low = middle;
      else high = middle - 1;
    }
    const group = this.#groups[low];
    assert(group !== undefined && position < group.end, "A position is in range");
    return group;
  }

  /** The further positions of an object that several groups store. */
  *copiesOf(position: number): Generator<number> {
    let copy = this.#nextCopies.get(position);
    for (; copy !== undefined; copy = this.#nextCopies.get(copy)) yield copy;
  }

  /** The id at a position. */
  oidAt(position: number): Oid {
    const group = this.groupAt(position);
    return group.index.oidAt(position - group.start);
  }

  /** The type at a position, as its number in pack entries. */
  typeCodeAt(position: number): number {
    const group = this.groupAt(position);
    return group.index.typeCodeAt(position - group.start);
  }

  /** The type at a position. */
  typeAt(position: number): ObjectType {
    const type = objectTypeOf(this.typeCodeAt(position));
    assert(type !== undefined, "An index holds known types");
    return type;
  }

  /** The graph node of the commit at a position, {@link NONE} for any other object. */
  nodeAt(position: number): number {
    const group = this.groupAt(position);
    return group.nodeOf(position - group.start);
  }

  /** What the tag at a position points at, as a canonical position; {@link NONE} if no tag. */
  tagTargetAt(position: number): number {
    const group = this.groupAt(position);
    const tag = group.tagIndexOf(position - group.start);
    return tag === NONE ? NONE : group.require(group.index.tagTarget(tag));
  }

  /** The object at the end of a chain of tags; any other object is its own. */
  peel(position: number): number {
    let at = position;
    for (let next = this.tagTargetAt(at); next !== NONE; next = this.tagTargetAt(at)) at = next;
    return at;
  }

  #externals(index: PackIndex): Int32Array {
    return Int32Array.from(
      { length: index.externalCount },
      (_, row) => this.externalOf(index, row),
    );
  }

  /** Ordinals of what older groups store too, with canonical positions; undefined when none. */
  *#copies(index: PackIndex, start: number): Generator<void, Map<number, number> | undefined> {
    const copies = new Map<number, number>();
    const note = (row: number, canonical: number) => {
      const ordinal = index.ordinalAtRow(row);
      if (!copies.has(ordinal)) copies.set(ordinal, canonical);
    };
    if (start === 0) return undefined;
    const width = oidBytes(this.format);
    const isLarge = index.objectCount >= SMALL_GROUP_OBJECTS;
    for (let row = 0; row < index.objectCount; row++) {
      if (row % ROWS_PER_STEP === 0) yield;
      const found = isLarge
        ? this.#small.find(index.sortedOids, row * width)
        : this.find(index.sortedOids, row * width);
      if (found !== NONE) note(row, found);
    }
    for (const group of isLarge ? this.#large : []) {
      for (const [row, older] of equalRows(index, group.index, width)) {
        note(row, group.canonical(group.index.ordinalAtRow(older)));
      }
      yield;
    }
    return copies.size === 0 ? undefined : copies;
  }

  #noteCopy(canonical: number, copy: number): void {
    const next = this.#nextCopies.get(canonical);
    if (next !== undefined) this.#nextCopies.set(copy, next);
    this.#nextCopies.set(canonical, copy);
  }

  #addSmall(group: StoredGroup): void {
    const width = oidBytes(this.format);
    const { index } = group;
    for (let row = 0; row < index.objectCount; row++) {
      const ordinal = index.ordinalAtRow(row);
      if (!group.isCanonical(ordinal)) continue;
      this.#small.add(index.sortedOids, row * width, group.start + ordinal);
    }
  }
}

/** Canonical positions of all ordinals of a group that begins at `start`. */
function canonicalsOf(
  objectCount: number,
  start: number,
  copies: ReadonlyMap<number, number>,
): Int32Array {
  const canonicals = Int32Array.from({ length: objectCount }, (_, at) => start + at);
  for (const [ordinal, canonical] of copies) canonicals[ordinal] = canonical;
  return canonicals;
}

function checkGroup(group: PackGroup, index: PackIndex, format: ObjectFormat): void {
  const fits = index.format === format && index.historyCount === group.historyCount &&
    index.contentCount === group.contentCount && index.historyBytes === group.historyBytes &&
    index.contentBytes === group.contentBytes && index.fileBytes === group.indexBytes;
  if (fits) return;
  throw new GitStratumError("corrupt", "Find a pack index that does not fit its group", {
    data: { groupId: group.groupId, format: index.format },
  });
}

/** Rows of equal ids in two indexes: both ascend, so one pass over each finds them. */
function* equalRows(
  a: PackIndex,
  b: PackIndex,
  width: number,
): Generator<readonly [number, number]> {
  let rowA = 0;
  let rowB = 0;
  while (rowA < a.objectCount && rowB < b.objectCount) {
    const order = compareIds(a.sortedOids, rowA * width, {
      other: b.sortedOids,
      at: rowB * width,
      width,
    });
    if (order === 0) yield [rowA, rowB];
    if (order <= 0) rowA++;
    if (order >= 0) rowB++;
  }
}

function compareIds(
  ids: Uint8Array,
  start: number,
  to: { readonly other: Uint8Array; readonly at: number; readonly width: number },
): number {
  for (let index = 0; index < to.width; index++) {
    const difference = ids[start + index]! - to.other[to.at + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
