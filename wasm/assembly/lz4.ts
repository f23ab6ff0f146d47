/**
 * LZ4, block format: sequences of literals and matches of at most 64 KiB back. The compressor is
 * the greedy one with a hash of four bytes; a block is compressed whole, and knows none before it.
 */

import { copyBytes } from "./memory";

const HASH_BITS: u32 = 13;
const MATCH_BYTES_MIN: usize = 4;
/** The format wants the last bytes of a block as literals, and no match that begins near its end. */
const LAST_LITERALS: usize = 5;
const MATCH_START_MARGIN: usize = 12;
const DISTANCE_MAX: usize = 65535;
/** After this many misses (as a power of two) the search takes longer steps. */
const SKIP_BITS: u32 = 6;

/** Position + 1 of the last four bytes with a hash, from the start of the block. */
const positions = memory.data(1 << HASH_BITS << 2, 16);

// @ts-ignore: decorator
@inline
function slotOf(word: u32): usize {
  return positions + (<usize>(word * 2654435761 >>> (32 - HASH_BITS)) << 2);
}

/** Where the sequence written last ended; 0 when it found no room. */
let written: usize = 0;

/** Writes a token, literals, and a match when `matchBytes` is not 0. */
function writeSequence(
  output: usize,
  outputEnd: usize,
  literals: usize,
  literalBytes: usize,
  distance: usize,
  matchBytes: usize,
): void {
  const matchCode: usize = matchBytes == 0 ? 0 : matchBytes - MATCH_BYTES_MIN;
  const matchMost: usize = matchBytes == 0 ? 0 : 3 + matchCode / 255;
  const most: usize = 2 + literalBytes / 255 + literalBytes + matchMost;
  if (most > outputEnd - output) {
    written = 0;
    return;
  }
  store<u8>(output++, <u8>(min<usize>(literalBytes, 15) << 4 | min<usize>(matchCode, 15)));
  if (literalBytes >= 15) output = writeRest(output, literalBytes - 15);
  copyBytes(output, literals, literalBytes);
  output += literalBytes;
  if (matchBytes != 0) {
    store<u16>(output, <u16>distance);
    output += 2;
    if (matchCode >= 15) output = writeRest(output, matchCode - 15);
  }
  written = output;
}

// @ts-ignore: decorator
@inline
function writeRest(output: usize, rest: usize): usize {
  while (rest >= 255) {
    store<u8>(output++, 255);
    rest -= 255;
  }
  store<u8>(output++, <u8>rest);
  return output;
}

/** Bytes that are equal at `a` and `b`, not beyond `end` of a, which is the later one. */
// @ts-ignore: decorator
@inline
function equalBytes(a: usize, b: usize, end: usize): usize {
  const start = a;
  while (a + 8 <= end) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference != 0) return a - start + <usize>(ctz<u64>(difference) >> 3);
    a += 8;
    b += 8;
  }
  while (a < end && load<u8>(a) == load<u8>(b)) {
    ++a;
    ++b;
  }
  return a - start;
}

/** Compresses a block; returns its compressed size, or -1 when that exceeds `outputBytes`. */
export function lz4Compress(
  input: usize,
  inputBytes: usize,
  output: usize,
  outputBytes: usize,
): i32 {
  const inputEnd = input + inputBytes;
  const outputStart = output;
  const outputEnd = output + outputBytes;
  let literals = input;
  if (inputBytes > MATCH_START_MARGIN) {
    const searchEnd = inputEnd - MATCH_START_MARGIN;
    memory.fill(positions, 0, 1 << HASH_BITS << 2);
    let at = input;
    let misses: u32 = 1 << SKIP_BITS;
    while (at <= searchEnd) {
      const word = load<u32>(at);
      const slot = slotOf(word);
      const candidate = input + <usize>load<u32>(slot) - 1;
      store<u32>(slot, <u32>(at - input) + 1);
      if (candidate < input || at - candidate > DISTANCE_MAX || load<u32>(candidate) != word) {
        at += misses++ >> SKIP_BITS;
        continue;
      }
      misses = 1 << SKIP_BITS;
      const matchBytes = MATCH_BYTES_MIN +
        equalBytes(at + MATCH_BYTES_MIN, candidate + MATCH_BYTES_MIN, inputEnd - LAST_LITERALS);
      writeSequence(output, outputEnd, literals, at - literals, at - candidate, matchBytes);
      if (written == 0) return -1;
      output = written;
      at += matchBytes;
      literals = at;
      if (at <= searchEnd) store<u32>(slotOf(load<u32>(at - 2)), <u32>(at - 2 - input) + 1);
    }
  }
  writeSequence(output, outputEnd, literals, inputEnd - literals, 0, 0);
  return written == 0 ? -1 : <i32>(written - outputStart);
}

/** No length is longer than the memory; a sum of more could wrap. */
const LENGTH_MAX: usize = 0x7fffffff;

/** Where the length that readRest read last ended; 0 when it had no end. */
let restEnd: usize = 0;

function readRest(input: usize, inputEnd: usize, start: usize): usize {
  let length = start;
  while (input < inputEnd) {
    const byte = <usize>load<u8>(input++);
    length += byte;
    if (length > LENGTH_MAX) break;
    if (byte != 255) {
      restEnd = input;
      return length;
    }
  }
  restEnd = 0;
  return 0;
}

/** Decompresses a block; returns the size, or -1 when it is bad or needs more than there is. */
export function lz4Decompress(
  input: usize,
  inputBytes: usize,
  output: usize,
  outputBytes: usize,
): i32 {
  const inputEnd = input + inputBytes;
  const outputStart = output;
  const outputEnd = output + outputBytes;
  while (input < inputEnd) {
    const token = <usize>load<u8>(input++);
    let bytes = token >> 4;
    if (bytes == 15) {
      bytes = readRest(input, inputEnd, bytes);
      if (restEnd == 0) return -1;
      input = restEnd;
    }
    if (bytes > inputEnd - input || bytes > outputEnd - output) return -1;
    copyBytes(output, input, bytes);
    output += bytes;
    input += bytes;
    // A block ends with literals.
    if (input == inputEnd) return (token & 15) == 0 ? <i32>(output - outputStart) : -1;
    if (inputEnd - input < 2) return -1;
    const distance = <usize>load<u16>(input);
    input += 2;
    if (distance == 0 || distance > output - outputStart) return -1;
    bytes = token & 15;
    if (bytes == 15) {
      bytes = readRest(input, inputEnd, bytes);
      if (restEnd == 0) return -1;
      input = restEnd;
    }
    bytes += MATCH_BYTES_MIN;
    if (bytes > outputEnd - output) return -1;
    copyMatch(output, distance, bytes, outputEnd);
    output += bytes;
  }
  return -1;
}

/** Copies a match word-wise where the room allows to write beyond its end. */
// @ts-ignore: decorator
@inline
function copyMatch(output: usize, distance: usize, bytes: usize, outputEnd: usize): void {
  const end = output + bytes;
  let source = output - distance;
  if (distance >= 16 && outputEnd - end >= 16) {
    while (output < end) {
      v128.store(output, v128.load(source));
      output += 16;
      source += 16;
    }
  } else if (distance >= 8) {
    while (output + 8 <= end) {
      store<u64>(output, load<u64>(source));
      output += 8;
      source += 8;
    }
  }
  while (output < end) store<u8>(output++, load<u8>(source++));
}
