/**
 * One pack group inside a network: its index, and its references turned into positions.
 *
 * Every stored entry of a network has a **position**: the groups' ordinals numbered through in commit
 * order. An object that several groups store has one **canonical** position, its oldest; whatever
 * decides about objects or sends them speaks of canonical positions only. A delta base is always
 * canonically older than a group that refers to it from outside, so canonical entries form no cycle.
 *
 * @module
 */

import { assert, GitStratumError } from "@gitstratum/core";
import { oidBytes } from "@gitstratum/core/git";
import { externalRow, isExternal, NO_BASE, type PackIndex } from "@gitstratum/core/pack";
import type { PackGroup } from "@gitstratum/core/rpc";
import { OidFanOut } from "./oid_fan_out.ts";

/** The stored parts that hold entries. */
export type EntryPart = "h" | "c";

/** No object, no commit, no position. */
export const NONE = -1;

/** A pack group of a network. */
export class StoredGroup {
  /** Sizes and cut of the parts. */
  readonly group: PackGroup;
  /** What the group stores. */
  readonly index: PackIndex;
  /** Number of this group in the network's list. */
  readonly number: number;
  /** Position of ordinal 0. */
  readonly start: number;
  /** Behind the last position. */
  readonly end: number;
  /** Canonical positions of the external rows, {@link NONE} for what the network lacks. */
  readonly externals: Int32Array;
  /** Graph nodes of the index's commits; filled by the commit graph. */
  readonly commitNodes: Int32Array;
  /** Ordinals stored as reference deltas, ascending. */
  readonly referenceDeltas: Uint32Array;
  /** Offset deltas in the history and content pack. */
  readonly offsetDeltaCounts: Readonly<Record<EntryPart, number>>;

  readonly #canonicals: Int32Array | undefined;
  #fanOut: OidFanOut | undefined;

  /** Makes the view; the network index knows how ids map to positions. */
  constructor(
    group: PackGroup,
    index: PackIndex,
    options: {
      readonly number: number;
      readonly start: number;
      /** Canonical positions by ordinal, when any object is stored in an older group too. */
      readonly canonicals: Int32Array | undefined;
      readonly externals: Int32Array;
    },
  ) {
    this.group = group;
    this.index = index;
    this.number = options.number;
    this.start = options.start;
    this.end = options.start + index.objectCount;
    this.externals = options.externals;
    this.commitNodes = new Int32Array(index.commitCount).fill(NONE);
    this.#canonicals = options.canonicals;
    const deltas = scanDeltas(index);
    this.referenceDeltas = deltas.references;
    this.offsetDeltaCounts = deltas.offsets;
  }

  /** Whether an older group stores some of the group's objects too. */
  get hasDuplicates(): boolean {
    return this.#canonicals !== undefined;
  }

  /** The canonical position of an ordinal. */
  canonical(ordinal: number): number {
    return this.#canonicals === undefined ? this.start + ordinal : this.#canonicals[ordinal]!;
  }

  /** Whether the group's copy of an object is the canonical one. */
  isCanonical(ordinal: number): boolean {
    return this.canonical(ordinal) === this.start + ordinal;
  }

  /** The canonical position of the id at `offset` of `oid`, {@link NONE} when the group lacks it. */
  find(oid: Uint8Array, offset: number): number {
    this.#fanOut ??= new OidFanOut(this.index.sortedOids, oidBytes(this.index.format));
    const row = this.#fanOut.find(oid, offset);
    return row === NONE ? NONE : this.canonical(this.index.ordinalAtRow(row));
  }

  /** The canonical position that a reference names, {@link NONE} when the network lacks it. */
  resolve(reference: number): number {
    return isExternal(reference)
      ? this.externals[externalRow(reference)]!
      : this.canonical(reference);
  }

  /**
   * The canonical position that a reference names.
   *
   * @throws `corrupt` when the network lacks the object
   */
  require(reference: number): number {
    const position = this.resolve(reference);
    if (position !== NONE) return position;
    throw new GitStratumError("corrupt", "Miss an object that a pack group refers to", {
      data: {
        groupId: this.group.groupId,
        oid: this.index.externalOid(externalRow(reference)),
      },
    });
  }

  /** The canonical position of an ordinal's delta base; undefined when it is stored whole. */
  base(ordinal: number): number | undefined {
    const reference = this.index.baseAt(ordinal);
    return reference === NO_BASE ? undefined : this.require(reference);
  }

  /** First ordinal of a part and the one behind its last. */
  ordinals(part: EntryPart): { readonly first: number; readonly end: number } {
    const { historyCount, objectCount } = this.index;
    return part === "h"
      ? { first: 0, end: historyCount }
      : { first: historyCount, end: objectCount };
  }

  /** Number of the tag with this ordinal in the index, or {@link NONE}. */
  tagIndexOf(ordinal: number): number {
    let low = 0;
    let high = this.index.tagCount - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.index.tagOrdinal(middle);
      if (found === ordinal) return middle;
      if (found < ordinal) low = middle + 1;
      else high = middle - 1;
    }
    return NONE;
  }

  /** Graph node of the commit with this ordinal, {@link NONE} for any other object. */
  nodeOf(ordinal: number): number {
    const index = this.index.commitIndexOf(ordinal);
    return index < 0 ? NONE : this.commitNodes[index]!;
  }
}

function scanDeltas(
  index: PackIndex,
): { readonly references: Uint32Array; readonly offsets: Readonly<Record<EntryPart, number>> } {
  const references: number[] = [];
  const offsets = { h: 0, c: 0 };
  for (let ordinal = 0; ordinal < index.objectCount; ordinal++) {
    const storage = index.storageAt(ordinal);
    if (storage === 2) references.push(ordinal);
    else if (storage === 1) offsets[index.partAt(ordinal)]++;
  }
  assert(offsets.h <= index.historyCount, "A pack has no more deltas than entries");
  return { references: Uint32Array.from(references), offsets };
}
