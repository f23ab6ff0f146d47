/**
 * The order of entries in trees: by name, a directory's name as if a slash followed it (git).
 *
 * @module
 */

import { isTreeMode, type ObjectFormat, oidBytes, type TreeCursor } from "@gitstratum/core/git";

const SLASH = 0x2f;

/** Negative when the current entry of `a` comes before that of `b`, 0 when their names are equal. */
export function compareEntries(a: TreeCursor, b: TreeCursor): number {
  const lengthA = a.nameEnd - a.nameStart;
  const lengthB = b.nameEnd - b.nameStart;
  const length = Math.min(lengthA, lengthB);
  for (let index = 0; index < length; index++) {
    const difference = a.bytes[a.nameStart + index]! - b.bytes[b.nameStart + index]!;
    if (difference !== 0) return difference;
  }
  if (lengthA === lengthB) return 0;
  return byteBehind(a, length, lengthA) - byteBehind(b, length, lengthB);
}

function byteBehind(cursor: TreeCursor, index: number, length: number): number {
  if (index < length) return cursor.bytes[cursor.nameStart + index]!;
  return isTreeMode(cursor.mode) ? SLASH : 0;
}

/** Whether the current entries have the same id. */
export function equalIds(a: TreeCursor, b: TreeCursor, format: ObjectFormat): boolean {
  for (let index = oidBytes(format) - 1; index >= 0; index--) {
    if (a.bytes[a.oidOffset + index] !== b.bytes[b.oidOffset + index]) return false;
  }
  return true;
}
