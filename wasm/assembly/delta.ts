/**
 * Applies a delta of git's pack format (gitformat-pack): two sizes, then instructions that copy
 * from the base or insert literal bytes. Nothing outside the three regions is read or written,
 * whatever the delta says.
 */

import { copyBytes } from "./memory";

const OK = 0;
const TRUNCATED = 1;
const BASE_SIZE = 2;
const RESULT_SIZE = 3;
const READ_BOUNDS = 4;
const WRITE_BOUNDS = 5;
const RESERVED = 6;

/** Sizes are base-128 numbers, low digits first; one of more than 53 bits is refused. */
const SIZE_BITS_MAX: u64 = 53;

/** Where the number that readSize read last ended; 0 when it was truncated or absurd. */
let sizeEnd: usize = 0;

function readSize(pointer: usize, end: usize): u64 {
  let size: u64 = 0;
  let shift: u64 = 0;
  while (pointer < end) {
    const byte = load<u8>(pointer++);
    const digits = <u64>(byte & 0x7f);
    if (shift >= SIZE_BITS_MAX ? digits != 0 : digits >> (SIZE_BITS_MAX - shift) != 0) break;
    if (shift < SIZE_BITS_MAX) size |= digits << shift;
    shift += 7;
    if ((byte & 0x80) == 0) {
      sizeEnd = pointer;
      return size;
    }
    // Zero digits without end are no number.
    if (shift > 70) break;
  }
  sizeEnd = 0;
  return 0;
}

/** The size of the base (`which` = 0) or of the result (1); -1 when the delta does not say it. */
export function deltaSize(pointer: usize, bytes: usize, which: i32): f64 {
  const end = pointer + bytes;
  let size = readSize(pointer, end);
  if (sizeEnd != 0 && which != 0) size = readSize(sizeEnd, end);
  return sizeEnd == 0 ? -1 : <f64>size;
}

/** Writes exactly `outputBytes` bytes at `output` or returns what the delta violates. */
export function applyDelta(
  base: usize,
  baseBytes: usize,
  delta: usize,
  deltaBytes: usize,
  output: usize,
  outputBytes: usize,
): i32 {
  const end = delta + deltaBytes;
  const baseSize = readSize(delta, end);
  if (sizeEnd == 0) return TRUNCATED;
  if (baseSize != <u64>baseBytes) return BASE_SIZE;
  const outputSize = readSize(sizeEnd, end);
  if (sizeEnd == 0) return TRUNCATED;
  if (outputSize != <u64>outputBytes) return RESULT_SIZE;
  delta = sizeEnd;
  let room = outputBytes;
  while (delta < end) {
    const code = <u32>load<u8>(delta++);
    let bytes: usize;
    if (code & 0x80) {
      if (<usize>popcnt(code & 0x7f) > end - delta) return TRUNCATED;
      let offset: usize = 0;
      bytes = 0;
      if (code & 0x01) offset = load<u8>(delta++);
      if (code & 0x02) offset |= <usize>load<u8>(delta++) << 8;
      if (code & 0x04) offset |= <usize>load<u8>(delta++) << 16;
      if (code & 0x08) offset |= <usize>load<u8>(delta++) << 24;
      if (code & 0x10) bytes = load<u8>(delta++);
      if (code & 0x20) bytes |= <usize>load<u8>(delta++) << 8;
      if (code & 0x40) bytes |= <usize>load<u8>(delta++) << 16;
      if (bytes == 0) bytes = 0x10000;
      if (offset > baseBytes || bytes > baseBytes - offset) return READ_BOUNDS;
      if (bytes > room) return WRITE_BOUNDS;
      copyBytes(output, base + offset, bytes);
    } else {
      if (code == 0) return RESERVED;
      bytes = code;
      if (bytes > end - delta) return TRUNCATED;
      if (bytes > room) return WRITE_BOUNDS;
      copyBytes(output, delta, bytes);
      delta += bytes;
    }
    output += bytes;
    room -= bytes;
  }
  return room == 0 ? OK : RESULT_SIZE;
}
