/**
 * Finds a delta of git's pack format (gitformat-pack) between two objects.
 *
 * The base is indexed by its blocks of 16 bytes; the target is looked up at every byte, and a block
 * that is found grows in both directions. The index is a table of heads, one for each hash, and a
 * row for each block with the next block of the same hash. Nothing outside the regions given is
 * read or written; a delta that would be longer than its region is given up.
 */

import { copyBytes } from "./memory";

const BLOCK: usize = 16;
/** Blocks of one hash that are compared: bases such as long runs of zeros have very many. */
const CANDIDATES_MAX = 16;
/** A match of this length is taken without looking for a longer one. */
const GOOD_MATCH: usize = 1024;
/** Longest copy that every reader of the format takes. */
const COPY_BYTES_MAX: usize = 0x10000;
const LITERAL_BYTES_MAX: usize = 127;
/** A copy instruction at its longest. */
const COPY_CODE_BYTES_MAX: usize = 8;

// @ts-ignore: decorator
@inline
function hashAt(pointer: usize, shift: u64): usize {
  const mixed = (load<u64>(pointer) * 0x9e3779b97f4a7c15) ^
    (load<u64>(pointer + 8) * 0xc2b2ae3d27d4eb4f);
  return <usize>((mixed * 0xff51afd7ed558ccd) >> shift);
}

/**
 * Indexes the blocks of a base. `heads` has `2 ** headBits` numbers of 32 bits, `nexts` one for
 * each whole block.
 */
export function indexDeltaBase(
  base: usize,
  baseBytes: usize,
  heads: usize,
  headBits: i32,
  nexts: usize,
): void {
  memory.fill(heads, 0, <usize>4 << headBits);
  const shift = <u64>(64 - headBits);
  // From the end, so that the chain of a hash begins with its first block.
  for (let block = baseBytes / BLOCK; block > 0; --block) {
    const head = heads + (hashAt(base + (block - 1) * BLOCK, shift) << 2);
    store<u32>(nexts + ((block - 1) << 2), load<u32>(head));
    store<u32>(head, <u32>block);
  }
}

/** How many bytes are equal from two pointers on, at most `room`. */
function equalForward(one: usize, other: usize, room: usize): usize {
  let count: usize = 0;
  while (count + 8 <= room) {
    const difference = load<u64>(one + count) ^ load<u64>(other + count);
    if (difference != 0) return count + <usize>(ctz(difference) >> 3);
    count += 8;
  }
  while (count < room && load<u8>(one + count) == load<u8>(other + count)) ++count;
  return count;
}

/** Where writing stands, and where it has to end. */
let output: usize = 0;
let outputEnd: usize = 0;

function writeSize(size: usize): bool {
  do {
    if (output >= outputEnd) return false;
    const more: u8 = size >= 0x80 ? 0x80 : 0;
    store<u8>(output++, <u8>(size & 0x7f) | more);
    size >>= 7;
  } while (size != 0);
  return true;
}

function writeLiteral(source: usize, bytes: usize): bool {
  while (bytes > 0) {
    const part = min(bytes, LITERAL_BYTES_MAX);
    if (outputEnd - output < part + 1) return false;
    store<u8>(output++, <u8>part);
    copyBytes(output, source, part);
    output += part;
    source += part;
    bytes -= part;
  }
  return true;
}

function writeCopy(offset: usize, bytes: usize): bool {
  while (bytes > 0) {
    if (outputEnd - output < COPY_CODE_BYTES_MAX) return false;
    const part = min(bytes, COPY_BYTES_MAX);
    const code = output++;
    let flags: u32 = 0x80;
    for (let bit = 0; bit < 4; ++bit) {
      const digit = <u8>(offset >> (bit << 3));
      if (digit == 0) continue;
      store<u8>(output++, digit);
      flags |= 1 << bit;
    }
    for (let bit = 0; bit < 2; ++bit) {
      const digit = <u8>(part >> (bit << 3));
      if (digit == 0) continue;
      store<u8>(output++, digit);
      flags |= 16 << bit;
    }
    store<u8>(code, <u8>flags);
    offset += part;
    bytes -= part;
  }
  return true;
}

/** Writes the delta that makes the target of an indexed base; its length, or -1 without room. */
export function searchDelta(
  base: usize,
  baseBytes: usize,
  heads: usize,
  headBits: i32,
  nexts: usize,
  target: usize,
  targetBytes: usize,
  result: usize,
  resultBytes: usize,
): i32 {
  output = result;
  outputEnd = result + resultBytes;
  if (!writeSize(baseBytes) || !writeSize(targetBytes)) return -1;
  const shift = <u64>(64 - headBits);
  const baseEnd = base + baseBytes;
  const end = target + targetBytes;
  /** Where the bytes begin that are not written yet. */
  let pending = target;
  let at = target;
  while (at + BLOCK <= end) {
    let bestBytes: usize = 0;
    let bestFound: usize = 0;
    let bestStart: usize = 0;
    let block = load<u32>(heads + (hashAt(at, shift) << 2));
    for (let tries = 0; block != 0 && tries < CANDIDATES_MAX; ++tries) {
      let found = base + (<usize>block - 1) * BLOCK;
      block = load<u32>(nexts + ((<usize>block - 1) << 2));
      const forward = equalForward(at, found, min(end - at, baseEnd - found));
      if (forward < BLOCK) continue;
      let start = at;
      while (start > pending && found > base && load<u8>(start - 1) == load<u8>(found - 1)) {
        --start;
        --found;
      }
      const bytes = at + forward - start;
      if (bytes <= bestBytes) continue;
      bestBytes = bytes;
      bestFound = found;
      bestStart = start;
      if (bytes >= GOOD_MATCH) break;
    }
    if (bestBytes == 0) {
      ++at;
      // Hopeless: what is still to be written has no room any more.
      if (at - pending > outputEnd - output) return -1;
      continue;
    }
    if (!writeLiteral(pending, bestStart - pending)) return -1;
    if (!writeCopy(bestFound - base, bestBytes)) return -1;
    at = bestStart + bestBytes;
    pending = at;
  }
  return writeLiteral(pending, end - pending) ? <i32>(output - result) : -1;
}
