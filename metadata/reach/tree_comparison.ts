/**
 * Compares a tree with others, entry by entry, where their bytes differ.
 *
 * @module
 */

import { isSubmoduleMode, type ObjectFormat, TreeCursor } from "@gitstratum/core/git";
import { compareEntries, equalIds } from "./tree_entry_order.ts";
import { differingRegion } from "./tree_region.ts";

/** A tree that another one is compared with. */
export interface BaseTree {
  readonly tree: number;
  /** The client has it, and all in it. */
  readonly isHad: boolean;
}

/** The bytes of a base. */
export interface OpenBase {
  readonly bytes: Uint8Array;
  readonly isHad: boolean;
}

/** Told what differs. Cursors are good for the time of the call. */
export interface DifferenceVisitor {
  /** An entry that no base has under its name; `bases` are their trees of that name. */
  take(cursor: TreeCursor, bases: readonly BaseTree[]): void;
  /**
   * An entry of a base that the tree lacks or has with another id. A tree that the new entry of the
   * same name is to be compared with is added to `bases`, which is absent where there is no such entry.
   */
  leave(cursor: TreeCursor, isHad: boolean, bases: BaseTree[] | undefined): void;
}

/** Tells the visitor how `tree` differs from all of the bases. Submodules are never taken. */
export function compareTrees(
  tree: Uint8Array,
  bases: readonly OpenBase[],
  options: { readonly format: ObjectFormat; readonly visitor: DifferenceVisitor },
): void {
  const { format, visitor } = options;
  // What lies outside of some base's region equals that base.
  let start = 0;
  let end = tree.length;
  const sides = bases.map(({ bytes, isHad }) => {
    const region = differingRegion(tree, bytes, format);
    start = Math.max(start, region.start);
    end = Math.min(end, region.end);
    const cursor = new TreeCursor(bytes.subarray(region.start, region.baseEnd), format);
    return { cursor, isOpen: cursor.next(), isHad };
  });
  const cursor = new TreeCursor(tree.subarray(start, Math.max(start, end)), format);
  const equals: BaseTree[] = [];
  while (cursor.next()) {
    let isOld = false;
    equals.length = 0;
    for (const side of sides) {
      while (side.isOpen) {
        const order = compareEntries(side.cursor, cursor);
        if (order > 0) break;
        if (order === 0 && equalIds(side.cursor, cursor, format)) isOld = true;
        else visitor.leave(side.cursor, side.isHad, order === 0 ? equals : undefined);
        side.isOpen = side.cursor.next();
      }
    }
    if (!isOld && !isSubmoduleMode(cursor.mode)) visitor.take(cursor, [...equals]);
  }
  for (const side of sides) {
    for (; side.isOpen; side.isOpen = side.cursor.next()) {
      visitor.leave(side.cursor, side.isHad, undefined);
    }
  }
}
