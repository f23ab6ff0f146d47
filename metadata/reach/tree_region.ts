/**
 * The part in which two trees differ, found by bytes.
 *
 * Neighbouring commits have nearly equal root trees of hundreds of entries; comparing entry by entry
 * is most of the cost of a history walk. Equal bytes in front and behind are skipped whole.
 *
 * @module
 */

import { type ObjectFormat, oidBytes, TreeCursor } from "@gitstratum/core/git";

/** A region of a tree and the one of its base; outside of them the entries are equal. */
export interface TreeRegion {
  /** Offset of an entry in both, or behind the last. */
  readonly start: number;
  /** Offset of an entry in the tree, or behind the last. */
  readonly end: number;
  /** The same in the base. */
  readonly baseEnd: number;
}

/** The region of `tree` that differs from `base`. */
export function differingRegion(
  tree: Uint8Array,
  base: Uint8Array,
  format: ObjectFormat,
): TreeRegion {
  const length = Math.min(tree.length, base.length);
  let prefix = 0;
  while (prefix < length && tree[prefix] === base[prefix]) prefix++;
  if (prefix === tree.length && prefix === base.length) {
    return { start: prefix, end: prefix, baseEnd: prefix };
  }
  let suffix = 0;
  const room = length - prefix;
  while (suffix < room && tree[tree.length - 1 - suffix] === base[base.length - 1 - suffix]) {
    suffix++;
  }
  const cursor = new TreeCursor(tree, format);
  let start = 0;
  while (cursor.next() && cursor.entryOffset <= prefix) start = cursor.entryOffset;
  // An entry that ends where the bytes begin to differ is still equal.
  const end = boundaryAfter(tree.subarray(start), tree.length - suffix - start, format) + start;
  const baseEnd = base.length - (tree.length - end);
  // In a base whose entries lie otherwise, equal bytes mean nothing.
  const reached = boundaryAfter(base.subarray(start), baseEnd - start, format) + start;
  return reached === baseEnd
    ? { start, end, baseEnd }
    : { start, end: tree.length, baseEnd: base.length };
}

/** The first entry boundary at or behind `offset`. */
function boundaryAfter(entries: Uint8Array, offset: number, format: ObjectFormat): number {
  const cursor = new TreeCursor(entries, format);
  let boundary = 0;
  while (boundary < offset && cursor.next()) boundary = cursor.oidOffset + oidBytes(format);
  return boundary;
}
