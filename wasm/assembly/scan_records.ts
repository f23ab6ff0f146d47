/**
 * A step over records of the form `octal number SP text NUL key`, whose keys go into a key table:
 * what lists of references to other objects look like. Reads nothing outside the region.
 */

import { keyTableAddFlags, keyTableInsert } from "./key_table";

/** A class whose keys are not inserted. */
const SKIP: u32 = 0xff;
/** Nothing is wrong. */
const NONE: u32 = 0xffffffff;

/**
 * Inserts each key with `value` when it is new, and sets the flags that `flagsOfClass` (16 bytes)
 * has for the record's class, which is bits 12 to 15 of its number. Returns the offset of the first
 * record that is none (no number, no text, no key), or 0xffffffff.
 */
export function scanRecords(
  table: usize,
  keyBytes: u32,
  records: usize,
  bytes: usize,
  flagsOfClass: usize,
  value: u32,
): u32 {
  const end = records + bytes;
  let at = records;
  while (at < end) {
    const start = at;
    let number: u32 = 0;
    while (at < end && (load<u8>(at) & 0xf8) == 0x30) number = number << 3 | load<u8>(at++) & 7;
    if (at == start || at == end || load<u8>(at) != 0x20) return <u32>(start - records);
    const text = ++at;
    at = findZero(at, end);
    if (at == text || end - at < <usize>keyBytes + 1) return <u32>(start - records);
    ++at;
    const flags = <u32>load<u8>(flagsOfClass + <usize>(number >> 12 & 15));
    if (flags != SKIP) keyTableAddFlags(table, keyTableInsert(table, at, value), flags);
    at += keyBytes;
  }
  return NONE;
}

/** The first zero byte, or `end`. */
// @ts-ignore: decorator
@inline
function findZero(at: usize, end: usize): usize {
  while (end - at >= 16) {
    const zeros = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0)));
    if (zeros != 0) return at + <usize>ctz<i32>(zeros);
    at += 16;
  }
  while (at < end && load<u8>(at) != 0) ++at;
  return at;
}
