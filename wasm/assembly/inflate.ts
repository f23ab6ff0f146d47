/**
 * Resumable inflate of zlib streams (RFC 1950, RFC 1951), Adler-32 verified.
 *
 * Input comes in any portions. Output is contiguous: each run writes where the last one ended, so
 * that the output is its own window. What is accepted is what zlib accepts.
 *
 * Bits wait in a 64-bit buffer, first bit lowest. A run that asks for input has taken all of it;
 * any other gives the whole bytes that it looked at too early back, so that `consumed` is exact.
 * (They are always bytes of the same run: what was too few bits for one step is used up by it.)
 */

import { adler32 } from "./adler32";
import { decodeBlock } from "./inflate_block";
import {
  buildTable,
  DISTANCE_ENTRIES,
  fixedDistances,
  fixedLiterals,
  KIND_DISTANCES,
  KIND_LENGTHS,
  KIND_LITERALS,
  LENGTH_ENTRIES,
  LITERAL_ENTRIES,
  prepareTables,
} from "./inflate_tables";
import { Inflate, needBits, dropBits } from "./inflate_state";
import * as Status from "./inflate_status";

const MODE_HEADER: u32 = 0;
const MODE_BLOCK: u32 = 1;
const MODE_STORED_SIZE: u32 = 2;
const MODE_STORED: u32 = 3;
const MODE_COUNTS: u32 = 4;
const MODE_LENGTH_CODES: u32 = 5;
const MODE_LENGTHS: u32 = 6;
const MODE_CODES: u32 = 7;
const MODE_CHECK: u32 = 8;
const MODE_DONE: u32 = 9;
const MODE_CORRUPT: u32 = 10;

const LITERALS: usize = offsetof<Inflate>();
const DISTANCES: usize = LITERALS + LITERAL_ENTRIES * 4;
/** The table of code lengths lives where the distances will: it is used up before them. */
const LENGTH_CODES: usize = DISTANCES;
const LENGTHS: usize = DISTANCES + max(DISTANCE_ENTRIES, LENGTH_ENTRIES) * 4;
/** 286 and 30 lengths at most, or 19 of the lengths' own code. */
const LENGTHS_BYTES: usize = 320;

export const INFLATE_STATE_BYTES: i32 = <i32>(LENGTHS + LENGTHS_BYTES);

/** The order in which the lengths of the lengths' code are sent (RFC 1951, 3.2.7). */
const lengthOrder = memory.data<u8>([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

/** Begins a stream in the state at `pointer`. */
export function inflateStart(pointer: usize): void {
  prepareTables();
  const s = changetype<Inflate>(pointer);
  s.bits = 0;
  s.bitCount = 0;
  s.mode = MODE_HEADER;
  s.history = 0;
  s.check = 1;
  s.isLast = 0;
  s.matchBytes = 0;
  s.consumed = 0;
  s.produced = 0;
  s.windowFill = 0;
  s.windowSent = 0;
}

/**
 * Goes on until the stream, the input or the room for output ends; returns a status and leaves
 * `consumed` and `produced` in the state.
 */
export function inflateRun(
  pointer: usize,
  input: usize,
  inputBytes: usize,
  output: usize,
  outputBytes: usize,
): i32 {
  const s = changetype<Inflate>(pointer);
  s.input = input;
  s.inputEnd = input + inputBytes;
  s.output = output;
  s.outputEnd = output + outputBytes;
  s.checked = output;
  s.outputStart = output - s.history;
  let status = Status.GO_ON;
  while (status == Status.GO_ON) status = step(s, pointer);
  if (status == Status.CORRUPT) s.mode = MODE_CORRUPT;
  if (status != Status.NEEDS_INPUT) giveBack(s, input);
  updateCheck(s);
  s.consumed = <u32>(s.input - input);
  s.produced = <u32>(s.output - output);
  s.history = min(s.history + s.produced, 32768);
  return status;
}

function giveBack(s: Inflate, input: usize): void {
  const bytes = <u32>min<usize>(s.bitCount >> 3, s.input - input);
  s.input -= bytes;
  s.bitCount -= bytes << 3;
  s.bits &= ((<u64>1) << s.bitCount) - 1;
}

function updateCheck(s: Inflate): void {
  if (s.checked == s.output) return;
  s.check = adler32(s.check, s.checked, s.output - s.checked);
  s.checked = s.output;
}

function step(s: Inflate, pointer: usize): i32 {
  switch (s.mode) {
    case MODE_HEADER:
      return readHeader(s);
    case MODE_BLOCK:
      return readBlock(s);
    case MODE_STORED_SIZE:
      return readStoredSize(s);
    case MODE_STORED:
      return copyStored(s);
    case MODE_COUNTS:
      return readCounts(s);
    case MODE_LENGTH_CODES:
      return readLengthCodes(s, pointer);
    case MODE_LENGTHS:
      return readLengths(s, pointer);
    case MODE_CODES:
      return readCodes(s);
    case MODE_CHECK:
      return readCheck(s);
    case MODE_DONE:
      return Status.DONE;
    default:
      return Status.CORRUPT;
  }
}

function readHeader(s: Inflate): i32 {
  if (!needBits(s, 16)) return Status.NEEDS_INPUT;
  const method = <u32>s.bits & 0xff;
  const flags = <u32>s.bits >> 8 & 0xff;
  dropBits(s, 16);
  // Deflate, a window of at most 32 KiB, no preset dictionary.
  if ((method & 15) != 8 || method >> 4 > 7) return Status.CORRUPT;
  if ((method << 8 | flags) % 31 != 0 || flags & 0x20) return Status.CORRUPT;
  s.mode = MODE_BLOCK;
  return Status.GO_ON;
}

function readBlock(s: Inflate): i32 {
  if (s.isLast) {
    s.mode = MODE_CHECK;
    return Status.GO_ON;
  }
  if (!needBits(s, 3)) return Status.NEEDS_INPUT;
  const kind = <u32>s.bits >> 1 & 3;
  s.isLast = <u32>s.bits & 1;
  dropBits(s, 3);
  if (kind == 0) {
    dropBits(s, s.bitCount & 7);
    s.mode = MODE_STORED_SIZE;
  } else if (kind == 1) {
    s.literals = fixedLiterals;
    s.distances = fixedDistances;
    s.mode = MODE_CODES;
  } else if (kind == 2) {
    s.mode = MODE_COUNTS;
  } else {
    return Status.CORRUPT;
  }
  return Status.GO_ON;
}

function readStoredSize(s: Inflate): i32 {
  if (!needBits(s, 32)) return Status.NEEDS_INPUT;
  const size = <u32>s.bits & 0xffff;
  if ((size ^ <u32>s.bits >> 16) != 0xffff) return Status.CORRUPT;
  dropBits(s, 32);
  // Whole bytes that were read ahead are bytes of the block.
  s.input -= s.bitCount >> 3;
  s.bits = 0;
  s.bitCount = 0;
  s.index = size;
  s.mode = MODE_STORED;
  return Status.GO_ON;
}

function copyStored(s: Inflate): i32 {
  const bytes = min(<usize>s.index, min(s.inputEnd - s.input, s.outputEnd - s.output));
  memory.copy(s.output, s.input, bytes);
  s.output += bytes;
  s.input += bytes;
  s.index -= <u32>bytes;
  if (s.index == 0) {
    s.mode = MODE_BLOCK;
    return Status.GO_ON;
  }
  return s.output == s.outputEnd ? Status.NEEDS_OUTPUT : Status.NEEDS_INPUT;
}

function readCounts(s: Inflate): i32 {
  if (!needBits(s, 14)) return Status.NEEDS_INPUT;
  s.literalCount = (<u32>s.bits & 31) + 257;
  s.distanceCount = (<u32>s.bits >> 5 & 31) + 1;
  s.lengthCount = (<u32>s.bits >> 10 & 15) + 4;
  dropBits(s, 14);
  if (s.literalCount > 286 || s.distanceCount > 30) return Status.CORRUPT;
  s.index = 0;
  s.mode = MODE_LENGTH_CODES;
  return Status.GO_ON;
}

function readLengthCodes(s: Inflate, pointer: usize): i32 {
  const lengths = pointer + LENGTHS;
  if (s.index == 0) memory.fill(lengths, 0, 19);
  while (s.index < s.lengthCount) {
    if (!needBits(s, 3)) return Status.NEEDS_INPUT;
    store<u8>(lengths + load<u8>(lengthOrder + <usize>s.index), <u8>(<u32>s.bits & 7));
    dropBits(s, 3);
    ++s.index;
  }
  if (!buildTable(pointer + LENGTH_CODES, lengths, 19, KIND_LENGTHS)) return Status.CORRUPT;
  s.index = 0;
  s.mode = MODE_LENGTHS;
  return Status.GO_ON;
}

function readLengths(s: Inflate, pointer: usize): i32 {
  const lengths = pointer + LENGTHS;
  const count = s.literalCount + s.distanceCount;
  while (s.index < count) {
    // A code of at most 7 bits with at most 7 more behind it; the stream may end before that many.
    needBits(s, 14);
    const entry = load<u32>(pointer + LENGTH_CODES + (<usize>(<u32>s.bits & 127) << 2));
    const symbol = entry >>> 16;
    const codeBits = entry & 63;
    const extraBits: u32 = symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
    if (s.bitCount < codeBits + extraBits) return Status.NEEDS_INPUT;
    const extra = <u32>(s.bits >> codeBits) & ((1 << extraBits) - 1);
    dropBits(s, codeBits + extraBits);
    if (symbol < 16) {
      store<u8>(lengths + <usize>s.index, <u8>symbol);
      ++s.index;
      continue;
    }
    if (symbol == 16 && s.index == 0) return Status.CORRUPT;
    const length: u8 = symbol == 16 ? load<u8>(lengths + <usize>s.index - 1) : 0;
    const repeat = extra + (symbol == 18 ? 11 : 3);
    if (repeat > count - s.index) return Status.CORRUPT;
    memory.fill(lengths + <usize>s.index, length, repeat);
    s.index += repeat;
  }
  return buildCodes(s, pointer);
}

function buildCodes(s: Inflate, pointer: usize): i32 {
  const lengths = pointer + LENGTHS;
  // Without an end of block the block could not end.
  if (load<u8>(lengths + 256) == 0) return Status.CORRUPT;
  s.literals = pointer + LITERALS;
  s.distances = pointer + DISTANCES;
  if (!buildTable(s.literals, lengths, s.literalCount, KIND_LITERALS)) return Status.CORRUPT;
  if (!buildTable(s.distances, lengths + s.literalCount, s.distanceCount, KIND_DISTANCES)) {
    return Status.CORRUPT;
  }
  s.mode = MODE_CODES;
  return Status.GO_ON;
}

function readCodes(s: Inflate): i32 {
  const status = decodeBlock(s);
  if (status == Status.GO_ON) s.mode = MODE_BLOCK;
  return status;
}

function readCheck(s: Inflate): i32 {
  dropBits(s, s.bitCount & 7);
  if (!needBits(s, 32)) return Status.NEEDS_INPUT;
  updateCheck(s);
  const found = bswap<u32>(<u32>s.bits);
  dropBits(s, 32);
  if (found != s.check) return Status.CORRUPT;
  s.mode = MODE_DONE;
  return Status.DONE;
}
