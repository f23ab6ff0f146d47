/**
 * Finds where two digest trees differ, level by level, as pure steps.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { PositionRange, RangeDigest } from "./digest_snapshot.ts";

/** Children of each inner node. */
const FAN_OUT = 16;
/** Ranges with so many records or fewer are listed rather than cut further. */
const LEAF_RECORD_COUNT_MAX = 64;

/** What a level told. */
export interface ComparedLevel {
  /** Differing ranges that are small enough to be listed. */
  readonly leaves: readonly PositionRange[];
  /** Ranges whose digests to compare next. */
  readonly deeper: readonly PositionRange[];
}

/** Compares the digests of a level's ranges, in their order. */
export function compareLevel(
  ranges: readonly PositionRange[],
  digests: { readonly ours: readonly RangeDigest[]; readonly theirs: readonly RangeDigest[] },
): ComparedLevel {
  const { ours, theirs } = digests;
  assert(
    ours.length === ranges.length && theirs.length === ranges.length,
    "A digest for each range",
  );
  const leaves: PositionRange[] = [];
  const deeper: PositionRange[] = [];
  for (const [index, range] of ranges.entries()) {
    const a = ours[index]!;
    const b = theirs[index]!;
    if (a.count === b.count && a.sum === b.sum) continue;
    const isLeaf = Math.max(a.count, b.count) <= LEAF_RECORD_COUNT_MAX ||
      range.to - range.from === 1;
    if (isLeaf) leaves.push(range);
    else deeper.push(...cutRange(range, FAN_OUT));
  }
  return { leaves, deeper };
}

/** Cuts a range into parts of equal size, fewer when it has fewer positions. */
export function cutRange(range: PositionRange, count: number): PositionRange[] {
  const size = range.to - range.from;
  const parts = Math.min(count, size);
  const edge = (part: number) => range.from + Math.floor(size / parts * part);
  return Array.from({ length: parts }, (_, part) => ({
    from: edge(part),
    to: part === parts - 1 ? range.to : edge(part + 1),
  }));
}
