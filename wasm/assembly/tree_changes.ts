/**
 * What a tree of git has that another one has not: most trees of a history differ from their
 * neighbours in a few ids, and what was looked at once need not be looked at again. Reads nothing
 * outside the two regions.
 */

import { keyTableAddFlags, keyTableInsert } from "./key_table";
import { deservesCloserLook } from "./tree_check";

/** A class whose keys are not inserted. */
const SKIP: u32 = 0xff;

/**
 * Whether all entries of `tree` have mode and name of an entry of `base`, in the same order, and ids
 * that are not zero, and none with another id than there has a name that deserves a closer look.
 * Then it has also inserted those other ids, as `scanRecords` does; otherwise it may have inserted
 * some of them.
 *
 * `base` has to be one of which `checkTree` says that it is in order. So the tree is in order, too:
 * order and names are those of the base, with some left out.
 */
export function scanTreeChanges(
  table: usize,
  keyBytes: u32,
  base: usize,
  baseBytes: usize,
  tree: usize,
  treeBytes: usize,
  flagsOfClass: usize,
  value: u32,
): bool {
  const end = tree + treeBytes;
  const baseEnd = base + baseBytes;
  const idBytes = <usize>keyBytes;
  let at = tree;
  let other = base;
  while (at < end) {
    // Entries of the base that were left out are passed over.
    let headBytes = commonHead(at, end, other, baseEnd);
    while (headBytes == 0) {
      if (other >= baseEnd) return false;
      other = headEnd(other, baseEnd) + idBytes;
      if (other > baseEnd) return false;
      headBytes = commonHead(at, end, other, baseEnd);
    }
    const id = at + headBytes;
    const otherId = other + headBytes;
    if (end - id < idBytes || baseEnd - otherId < idBytes) return false;
    if (!sameId(id, otherId, idBytes)) {
      if (load<u64>(id) == 0 || deservesCloserLook(at, id)) return false;
      const flags = <u32>load<u8>(flagsOfClass + <usize>(kindOf(at) & 15));
      if (flags != SKIP) keyTableAddFlags(table, keyTableInsert(table, id, value), flags);
    }
    at = id + idBytes;
    other = otherId + idBytes;
  }
  return true;
}

/**
 * Bytes of mode, name and zero byte, if two entries have the same; else 0. An id follows, so that
 * 16 bytes can be read wherever one of them lies.
 */
// @ts-ignore: decorator
@inline
function commonHead(left: usize, leftEnd: usize, right: usize, rightEnd: usize): usize {
  let at: usize = 0;
  while (leftEnd - left >= at + 16 && rightEnd - right >= at + 16) {
    const block = v128.load(left + at);
    const differ = i8x16.bitmask(i8x16.ne(block, v128.load(right + at)));
    const zeros = i8x16.bitmask(i8x16.eq(block, i8x16.splat(0)));
    if (zeros != 0) {
      const inside = zeros ^ (zeros - 1);
      return (differ & inside) == 0 ? at + <usize>ctz<i32>(zeros) + 1 : 0;
    }
    if (differ != 0) return 0;
    at += 16;
  }
  return 0;
}

/** Behind the zero byte of the entry at `at`; the end when there is none. */
// @ts-ignore: decorator
@inline
function headEnd(at: usize, end: usize): usize {
  while (end - at >= 16) {
    const zeros = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0)));
    if (zeros != 0) return at + <usize>ctz<i32>(zeros) + 1;
    at += 16;
  }
  return end;
}

// @ts-ignore: decorator
@inline
function sameId(left: usize, right: usize, bytes: usize): bool {
  const first = v128.xor(v128.load(left), v128.load(right));
  const last = v128.xor(v128.load(left + bytes - 16), v128.load(right + bytes - 16));
  return !v128.any_true(v128.or(first, last));
}

/** The kind bits of the mode at `at`: what stands before its last four octal digits. */
// @ts-ignore: decorator
@inline
function kindOf(at: usize): u32 {
  let mode: u32 = 0;
  for (let digit = <u32>load<u8>(at); (digit & 0xf8) == 0x30; digit = <u32>load<u8>(++at)) {
    mode = mode << 3 | digit & 7;
  }
  return mode >> 12;
}
