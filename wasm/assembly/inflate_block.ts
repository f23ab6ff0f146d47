/**
 * The inner loops of inflate: literals and matches of one block.
 *
 * The fast loop runs while at least 16 bytes of input and room for the longest match remain, and
 * checks neither; the careful loop does the rest one symbol at a time.
 */

import {
  DISTANCE_BITS,
  ENTRY_END,
  ENTRY_LINK,
  ENTRY_SPECIAL,
  LITERAL_BITS,
} from "./inflate_tables";
import { Inflate } from "./inflate_state";
import * as Status from "./inflate_status";

const LITERAL_MASK: u32 = (1 << LITERAL_BITS) - 1;
const DISTANCE_MASK: u32 = (1 << DISTANCE_BITS) - 1;

/** Two refills of the fast loop look at this many bytes. */
const FAST_INPUT_BYTES: usize = 16;
/** Five literals, the longest match, and what word-wise copies write beyond its end. */
const FAST_OUTPUT_BYTES: usize = 5 + 258 + 16;

// @ts-ignore: decorator
@inline
function entryAt(table: usize, index: u32): u32 {
  return load<u32>(table + (<usize>index << 2));
}

/** The entry in the subtable that `link` leads to. */
// @ts-ignore: decorator
@inline
function follow(table: usize, link: u32, bits: u64, primaryBits: u64): u32 {
  const index = <u32>(bits >> primaryBits) & ((1 << (link >>> 8 & 15)) - 1);
  return entryAt(table, (link >>> 16) + index);
}

/** The base of a length or distance with its extra bits. */
// @ts-ignore: decorator
@inline
function valueOf(entry: u32, bits: u64): u32 {
  const extra = (<u32>bits & ((1 << (entry & 31)) - 1)) >> (entry >>> 8 & 15);
  return (entry >>> 16) + extra;
}

/** Decodes until the block ends (GO_ON), or input, room or sense run out. */
export function decodeBlock(s: Inflate): i32 {
  if (s.matchBytes != 0 && !resumeMatch(s)) return Status.NEEDS_OUTPUT;
  if (s.inputEnd - s.input >= FAST_INPUT_BYTES && s.outputEnd - s.output >= FAST_OUTPUT_BYTES) {
    const status = decodeFast(s);
    if (status != Status.NEEDS_INPUT) return status;
  }
  return decodeCarefully(s);
}

/** NEEDS_INPUT here means: too close to an end for this loop. */
function decodeFast(s: Inflate): i32 {
  const literals = s.literals;
  const distances = s.distances;
  const outputStart = s.outputStart;
  const inputStop = s.inputEnd - FAST_INPUT_BYTES;
  const outputStop = s.outputEnd - FAST_OUTPUT_BYTES;
  let input = s.input;
  let output = s.output;
  let bits = s.bits;
  let bitCount = s.bitCount;
  let status = Status.NEEDS_INPUT;
  while (input <= inputStop && output <= outputStop) {
    // At least 56 bits. What the word holds beyond them is read again, to the same place.
    bits |= load<u64>(input) << bitCount;
    input += (63 - bitCount) >> 3;
    bitCount |= 56;
    let entry = entryAt(literals, <u32>bits & LITERAL_MASK);
    if (<i32>entry < 0) {
      // Up to four literals of the first level (at most 10 bits each) before the next refill.
      store<u8>(output++, <u8>(entry >>> 16));
      bits >>= entry & 63;
      bitCount -= entry & 63;
      entry = entryAt(literals, <u32>bits & LITERAL_MASK);
      if (<i32>entry < 0) {
        store<u8>(output++, <u8>(entry >>> 16));
        bits >>= entry & 63;
        bitCount -= entry & 63;
        entry = entryAt(literals, <u32>bits & LITERAL_MASK);
        if (<i32>entry < 0) {
          store<u8>(output++, <u8>(entry >>> 16));
          bits >>= entry & 63;
          bitCount -= entry & 63;
          entry = entryAt(literals, <u32>bits & LITERAL_MASK);
          if (<i32>entry < 0) {
            store<u8>(output++, <u8>(entry >>> 16));
            bits >>= entry & 63;
            bitCount -= entry & 63;
            continue;
          }
        }
      }
      bits |= load<u64>(input) << bitCount;
      input += (63 - bitCount) >> 3;
      bitCount |= 56;
    }
    if (entry & ENTRY_SPECIAL) {
      if (entry & ENTRY_LINK) entry = follow(literals, entry, bits, LITERAL_BITS);
      if (<i32>entry < 0) {
        store<u8>(output++, <u8>(entry >>> 16));
        bits >>= entry & 63;
        bitCount -= entry & 63;
        continue;
      }
      if (entry & ENTRY_SPECIAL) {
        status = entry & ENTRY_END ? Status.GO_ON : Status.CORRUPT;
        bits >>= entry & 63;
        bitCount -= entry & 63;
        break;
      }
    }
    // 20 bits of length and 28 of distance fit what the refill left.
    const matchBytes = <usize>valueOf(entry, bits);
    bits >>= entry & 63;
    bitCount -= entry & 63;
    entry = entryAt(distances, <u32>bits & DISTANCE_MASK);
    if (entry & ENTRY_LINK) entry = follow(distances, entry, bits, DISTANCE_BITS);
    const distance = <usize>valueOf(entry, bits);
    if ((entry & ENTRY_SPECIAL) != 0 || distance > output - outputStart) {
      status = Status.CORRUPT;
      break;
    }
    bits >>= entry & 63;
    bitCount -= entry & 63;
    copyMatch(output, distance, matchBytes);
    output += matchBytes;
  }
  s.input = input;
  s.output = output;
  s.bitCount = bitCount;
  s.bits = bits & (((<u64>1) << bitCount) - 1);
  return status;
}

/** Copies a match; may write up to 15 bytes beyond its end. */
// @ts-ignore: decorator
@inline
function copyMatch(output: usize, distance: usize, bytes: usize): void {
  const end = output + bytes;
  let source = output - distance;
  if (distance >= 16) {
    do {
      v128.store(output, v128.load(source));
      output += 16;
      source += 16;
    } while (output < end);
  } else if (distance >= 8) {
    do {
      store<u64>(output, load<u64>(source));
      output += 8;
      source += 8;
    } while (output < end);
  } else if (distance == 1) {
    const run = i8x16.splat(load<u8>(source));
    do {
      v128.store(output, run);
      output += 16;
    } while (output < end);
  } else {
    // Each word is right for as far as the distance, and the next one goes on from there.
    do {
      store<u64>(output, load<u64>(source));
      output += distance;
      source += distance;
    } while (output < end);
  }
}

function decodeCarefully(s: Inflate): i32 {
  const literals = s.literals;
  const distances = s.distances;
  const inputEnd = s.inputEnd;
  const outputEnd = s.outputEnd;
  let input = s.input;
  let output = s.output;
  let bits = s.bits;
  let bitCount = s.bitCount;
  let status = Status.GO_ON;
  while (true) {
    if (bitCount < 48) {
      if (inputEnd - input >= 8) {
        bits |= load<u64>(input) << bitCount;
        input += (63 - bitCount) >> 3;
        bitCount |= 56;
        bits &= ((<u64>1) << bitCount) - 1;
      } else {
        while (bitCount < 56 && input < inputEnd) {
          bits |= <u64>load<u8>(input++) << bitCount;
          bitCount += 8;
        }
      }
    }
    let entry = entryAt(literals, <u32>bits & LITERAL_MASK);
    if (entry & ENTRY_LINK) entry = follow(literals, entry, bits, LITERAL_BITS);
    let used = entry & 63;
    if (used > bitCount) {
      status = Status.NEEDS_INPUT;
      break;
    }
    if (<i32>entry < 0) {
      if (output == outputEnd) {
        status = Status.NEEDS_OUTPUT;
        break;
      }
      store<u8>(output++, <u8>(entry >>> 16));
      bits >>= used;
      bitCount -= used;
      continue;
    }
    if (entry & ENTRY_SPECIAL) {
      if (entry & ENTRY_END) {
        bits >>= used;
        bitCount -= used;
      } else {
        status = Status.CORRUPT;
      }
      break;
    }
    const matchBytes = valueOf(entry, bits);
    let rest = bits >> used;
    entry = entryAt(distances, <u32>rest & DISTANCE_MASK);
    if (entry & ENTRY_LINK) entry = follow(distances, entry, rest, DISTANCE_BITS);
    const total = used + (entry & 63);
    if (total > bitCount) {
      status = Status.NEEDS_INPUT;
      break;
    }
    if (entry & ENTRY_SPECIAL) {
      status = Status.CORRUPT;
      break;
    }
    const distance = valueOf(entry, rest);
    if (<usize>distance > output - s.outputStart) {
      status = Status.CORRUPT;
      break;
    }
    if (output == outputEnd) {
      status = Status.NEEDS_OUTPUT;
      break;
    }
    bits >>= total;
    bitCount -= total;
    const bytes = min(<usize>matchBytes, outputEnd - output);
    copyExactly(output, distance, bytes);
    output += bytes;
    if (bytes != <usize>matchBytes) {
      s.matchBytes = matchBytes - <u32>bytes;
      s.matchDistance = distance;
      status = Status.NEEDS_OUTPUT;
      break;
    }
  }
  s.input = input;
  s.output = output;
  s.bits = bits;
  s.bitCount = bitCount;
  return status;
}

/** Copies a match without writing beyond its end. */
// @ts-ignore: decorator
@inline
function copyExactly(output: usize, distance: usize, bytes: usize): void {
  const end = output + bytes;
  let source = output - distance;
  if (distance >= 8) {
    while (output + 8 <= end) {
      store<u64>(output, load<u64>(source));
      output += 8;
      source += 8;
    }
  }
  while (output < end) store<u8>(output++, load<u8>(source++));
}

/** Copies more of a match that had no room; false when there is still not enough. */
function resumeMatch(s: Inflate): bool {
  const bytes = min(<usize>s.matchBytes, s.outputEnd - s.output);
  copyExactly(s.output, s.matchDistance, bytes);
  s.output += bytes;
  s.matchBytes -= <u32>bytes;
  return s.matchBytes == 0;
}
