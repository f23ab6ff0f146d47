/**
 * Huffman decoding tables for deflate (RFC 1951, 3.2.2).
 *
 * A table is looked up with the next `primaryBits` bits of the stream; codes that are longer lead
 * to a subtable behind it. An entry is a u32 that carries all that the decoder needs:
 *
 *   bits 0-5    bits to drop: the code and its extra bits (in a link: the primary bits)
 *   bits 8-11   bits of the code alone (in a link: bits that index the subtable)
 *   bit 13      end of block
 *   bit 14      link to a subtable
 *   bit 15      set when bit 13 or 14 is, and alone when the code stands for nothing
 *   bits 16-30  literal, base of a length or distance, symbol, or start of the subtable
 *   bit 31      literal
 */

/** Bits that index the first level of literals and lengths. */
export const LITERAL_BITS: u32 = 10;
/** Bits that index the first level of distances. */
export const DISTANCE_BITS: u32 = 8;
/** Bits of the longest code that describes code lengths. */
export const LENGTH_BITS: u32 = 7;
/** Bits of the longest code. */
export const CODE_BITS_MAX: u32 = 15;

/** Entries that the largest table can have: 1334 and 402 are the bounds for complete codes. */
export const LITERAL_ENTRIES: u32 = 1344;
export const DISTANCE_ENTRIES: u32 = 408;
export const LENGTH_ENTRIES: u32 = 128;

export const ENTRY_LITERAL: u32 = 0x80000000;
export const ENTRY_SPECIAL: u32 = 0x8000;
export const ENTRY_LINK: u32 = 0x4000;
export const ENTRY_END: u32 = 0x2000;

/** What a table is for. */
export const KIND_LENGTHS: u32 = 0;
export const KIND_LITERALS: u32 = 1;
export const KIND_DISTANCES: u32 = 2;

const lengthBases = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
  35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const lengthExtras = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);

const counts = memory.data(16 * 4, 16);
const starts = memory.data(16 * 4, 16);
const sorted = memory.data(288 * 2, 16);

/** The entry of every symbol of each kind before its code is known. */
const literalSymbols = memory.data(288 * 4, 16);
const distanceSymbols = memory.data(32 * 4, 16);
const lengthSymbols = memory.data(19 * 4, 16);

const fixedLengths = memory.data(320, 16);
/** The tables of blocks with fixed codes. */
export const fixedLiterals = memory.data(1344 * 4, 16);
export const fixedDistances = memory.data(408 * 4, 16);
let ready = false;

/** Makes what all blocks share, once. */
export function prepareTables(): void {
  if (ready) return;
  for (let symbol: u32 = 0; symbol < 288; ++symbol) {
    let entry = ENTRY_SPECIAL;
    if (symbol < 256) entry = ENTRY_LITERAL | symbol << 16;
    else if (symbol == 256) entry = ENTRY_SPECIAL | ENTRY_END;
    else if (symbol < 286) {
      const index = symbol - 257;
      entry = <u32>load<u16>(lengthBases + (<usize>index << 1)) << 16 |
        load<u8>(lengthExtras + <usize>index);
    }
    store<u32>(literalSymbols + (<usize>symbol << 2), entry);
  }
  for (let symbol: u32 = 0; symbol < 32; ++symbol) {
    const extra = symbol < 4 ? 0 : (symbol >> 1) - 1;
    const base = symbol < 4 ? symbol + 1 : (2 + (symbol & 1) << extra) + 1;
    store<u32>(distanceSymbols + (<usize>symbol << 2), symbol < 30 ? base << 16 | extra : ENTRY_SPECIAL);
  }
  for (let symbol: u32 = 0; symbol < 19; ++symbol) {
    store<u32>(lengthSymbols + (<usize>symbol << 2), symbol << 16);
  }
  memory.fill(fixedLengths, 8, 144);
  memory.fill(fixedLengths + 144, 9, 112);
  memory.fill(fixedLengths + 256, 7, 24);
  memory.fill(fixedLengths + 280, 8, 8);
  memory.fill(fixedLengths + 288, 5, 32);
  buildTable(fixedLiterals, fixedLengths, 288, KIND_LITERALS);
  buildTable(fixedDistances, fixedLengths + 288, 32, KIND_DISTANCES);
  ready = true;
}

/**
 * Builds the table for the code lengths (bytes, 0 to 15) at `lengths`. False when they make no
 * code: too many codes, or too few, save for the lone one-bit code that zlib lets pass. Distances
 * may have no code at all; then every entry stands for nothing.
 */
export function buildTable(table: usize, lengths: usize, symbols: u32, kind: u32): bool {
  const primaryBits = kind == KIND_LITERALS
    ? LITERAL_BITS
    : kind == KIND_DISTANCES
    ? DISTANCE_BITS
    : LENGTH_BITS;
  const entries = kind == KIND_LITERALS
    ? literalSymbols
    : kind == KIND_DISTANCES
    ? distanceSymbols
    : lengthSymbols;
  const left = countLengths(lengths, symbols);
  if (left < 0) return false;
  let longest = CODE_BITS_MAX;
  while (longest != 0 && load<u32>(counts + (<usize>longest << 2)) == 0) --longest;
  if (left > 0 && (kind == KIND_LENGTHS || longest > 1)) return false;
  sortSymbols(lengths, symbols);
  if (left > 0) {
    fillIncomplete(table, 1 << primaryBits, entries, longest);
    return true;
  }
  const code = fillPrimary(table, primaryBits, entries);
  return code == 0 ||
    fillSubtables(table, primaryBits, entries, code, capacityOf(kind));
}

// @ts-ignore: decorator
@inline
function capacityOf(kind: u32): u32 {
  if (kind == KIND_LITERALS) return LITERAL_ENTRIES;
  return kind == KIND_DISTANCES ? DISTANCE_ENTRIES : LENGTH_ENTRIES;
}

/** Counts the lengths; returns the share of code space left over, negative when overdrawn. */
function countLengths(lengths: usize, symbols: u32): i32 {
  memory.fill(counts, 0, 64);
  for (let i: usize = 0; i < <usize>symbols; ++i) {
    const slot = counts + (<usize>load<u8>(lengths + i) << 2);
    store<u32>(slot, load<u32>(slot) + 1);
  }
  let left: i32 = 1;
  for (let bits: usize = 1; bits <= CODE_BITS_MAX; ++bits) {
    left = (left << 1) - load<i32>(counts + (bits << 2));
    if (left < 0) return left;
  }
  return left;
}

/** Puts the symbols that have a code in order of its length, then of the symbol. */
function sortSymbols(lengths: usize, symbols: u32): void {
  let start: u32 = 0;
  for (let bits: usize = 1; bits <= CODE_BITS_MAX; ++bits) {
    store<u32>(starts + (bits << 2), start);
    start += load<u32>(counts + (bits << 2));
  }
  for (let symbol: u32 = 0; symbol < symbols; ++symbol) {
    const bits = <usize>load<u8>(lengths + <usize>symbol);
    if (bits == 0) continue;
    const slot = starts + (bits << 2);
    const place = load<u32>(slot);
    store<u32>(slot, place + 1);
    store<u16>(sorted + (<usize>place << 1), <u16>symbol);
  }
}

/** No code, or one code of a single zero bit. */
function fillIncomplete(table: usize, size: u32, entries: usize, longest: u32): void {
  const entry = longest == 0 ? ENTRY_SPECIAL : withCode(entries, 0, 1);
  for (let i: u32 = 0; i < size; ++i) {
    store<u32>(table + (<usize>i << 2), (i & 1) == 0 ? entry : ENTRY_SPECIAL);
  }
}

// @ts-ignore: decorator
@inline
function withCode(entries: usize, place: u32, bits: u32): u32 {
  const symbol = <usize>load<u16>(sorted + (<usize>place << 1));
  return load<u32>(entries + (symbol << 2)) + (bits << 8 | bits);
}

/** The code after `code`, both with their first bit lowest; all ones has none. */
// @ts-ignore: decorator
@inline
function nextCode(code: u32, bits: u32): u32 {
  const bit: u32 = 1 << (31 - clz<u32>(code ^ ((1 << bits) - 1)));
  return code & (bit - 1) | bit;
}

/** Symbols placed so far, in the order of `sorted`; from fillPrimary to fillSubtables. */
let placed: u32 = 0;

/**
 * Fills the first level. Entries of length n are written into a table of 2^n; going to n+1 doubles
 * it, which repeats each entry exactly where its code leads. Returns the first code that needs a
 * subtable, or 0 when none does.
 */
function fillPrimary(table: usize, primaryBits: u32, entries: usize): u32 {
  let code: u32 = 0;
  let place: u32 = 0;
  for (let bits: u32 = 1; bits <= primaryBits; ++bits) {
    if (bits > 1) {
      const half = <usize>1 << (bits - 1) << 2;
      memory.copy(table + half, table, half);
    }
    for (let left = load<u32>(counts + (<usize>bits << 2)); left != 0; --left) {
      store<u32>(table + (<usize>code << 2), withCode(entries, place++, bits));
      if (code == (1 << bits) - 1) {
        doubleTo(table, bits, primaryBits);
        return 0;
      }
      code = nextCode(code, bits);
    }
  }
  placed = place;
  return code;
}

function doubleTo(table: usize, bits: u32, primaryBits: u32): void {
  while (bits < primaryBits) {
    const half = <usize>1 << bits << 2;
    memory.copy(table + half, table, half);
    ++bits;
  }
}

/** Fills the subtables. False is out of reach for complete codes; it guards the table's end. */
function fillSubtables(
  table: usize,
  primaryBits: u32,
  entries: usize,
  code: u32,
  capacity: u32,
): bool {
  const mask: u32 = (1 << primaryBits) - 1;
  let prefix: u32 = 0xffffffff;
  let start: u32 = 0;
  let end: u32 = 1 << primaryBits;
  let place = placed;
  for (let bits = primaryBits + 1; bits <= CODE_BITS_MAX; ++bits) {
    for (let left = load<u32>(counts + (<usize>bits << 2)); left != 0; --left) {
      if ((code & mask) != prefix) {
        prefix = code & mask;
        start = end;
        const subBits = subtableBits(bits, left, primaryBits);
        end = start + (1 << subBits);
        if (end > capacity) return false;
        store<u32>(
          table + (<usize>prefix << 2),
          start << 16 | ENTRY_SPECIAL | ENTRY_LINK | subBits << 8 | primaryBits,
        );
      }
      const entry = withCode(entries, place++, bits);
      for (let i = start + (code >> primaryBits); i < end; i += 1 << (bits - primaryBits)) {
        store<u32>(table + (<usize>i << 2), entry);
      }
      if (code == (1 << bits) - 1) return true;
      code = nextCode(code, bits);
    }
  }
  return false;
}

/** Bits that index a subtable whose first code has `bits` bits, `left` such being unplaced. */
function subtableBits(bits: u32, left: u32, primaryBits: u32): u32 {
  let subBits = bits - primaryBits;
  let space: u32 = left;
  while (space < (<u32>1 << subBits) && subBits < CODE_BITS_MAX - primaryBits) {
    ++subBits;
    space = (space << 1) + load<u32>(counts + (<usize>(primaryBits + subBits) << 2));
  }
  return subBits;
}
