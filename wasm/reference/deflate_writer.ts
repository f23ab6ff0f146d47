/**
 * Writes zlib streams that are valid and that no compressor would write: random codes up to the
 * longest, random block kinds, distances and lengths everywhere in their ranges. For tests.
 *
 * @module
 */

import zlib from "node:zlib";
import type { RandomBytes } from "./random_bytes.ts";

const LENGTH_BASES = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31],
  ...[35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
];
const LENGTH_EXTRAS = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
];
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

class BitWriter {
  readonly bytes: number[] = [];
  #bits = 0;
  #count = 0;

  write(value: number, count: number): void {
    for (let i = 0; i < count; i++) this.#writeBit((value >>> i) & 1);
  }

  /** Huffman codes go with their first bit first. */
  writeCode(code: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) this.#writeBit((code >>> i) & 1);
  }

  align(): void {
    while (this.#count !== 0) this.#writeBit(0);
  }

  #writeBit(bit: number): void {
    this.#bits |= bit << this.#count++;
    if (this.#count === 8) {
      this.bytes.push(this.#bits);
      this.#bits = 0;
      this.#count = 0;
    }
  }
}

/** The code of each symbol: canonical, by length and symbol (RFC 1951, 3.2.2). */
function codesOf(lengths: readonly number[]): readonly number[] {
  const codes = lengths.map(() => 0);
  let code = 0;
  for (let bits = 1; bits <= 15; bits++) {
    code <<= 1;
    lengths.forEach((length, symbol) => {
      if (length === bits) codes[symbol] = code++;
    });
  }
  return codes;
}

/** Lengths of a complete code over `symbols`, by splitting random leaves. */
function randomLengths(
  random: RandomBytes,
  options: { symbols: readonly number[]; size: number; bitsMax: number },
): number[] {
  const { symbols, size, bitsMax } = options;
  const lengths = new Array<number>(size).fill(0);
  const leaves = [0];
  while (leaves.length < symbols.length) {
    const open = leaves.map((_, i) => i).filter((i) => leaves[i]! < bitsMax);
    // Deep trees come from splitting the last leaf again and again.
    const index = random.below(3) > 0 ? open[open.length - 1]! : random.pick(open);
    const depth = leaves[index]! + 1;
    leaves.splice(index, 1, depth, depth);
  }
  random.shuffled(symbols).forEach((symbol, i) => lengths[symbol] = Math.max(1, leaves[i]!));
  return lengths;
}

function distanceOf(symbol: number): { base: number; extra: number } {
  if (symbol < 4) return { base: symbol + 1, extra: 0 };
  const extra = (symbol >> 1) - 1;
  return { base: ((2 + (symbol & 1)) << extra) + 1, extra };
}

function sampleOf(random: RandomBytes, bound: number): number[] {
  const count = 1 + random.below(bound);
  return random.shuffled(Array.from({ length: bound }, (_, i) => i)).slice(0, count);
}

function writeLengths(writer: BitWriter, random: RandomBytes, lengths: readonly number[]): void {
  const symbols = Array.from({ length: 19 }, (_, i) => i);
  const own = randomLengths(random, { symbols, size: 19, bitsMax: 7 });
  const codes = codesOf(own);
  writer.write(15, 4);
  for (const symbol of LENGTH_ORDER) writer.write(own[symbol]!, 3);
  const put = (symbol: number) => writer.writeCode(codes[symbol]!, own[symbol]!);
  for (let at = 0; at < lengths.length;) {
    let run = 1;
    while (at + run < lengths.length && lengths[at + run] === lengths[at]) run++;
    if (lengths[at] === 0 && run >= 11 && random.below(4) > 0) {
      run = Math.min(run, 138);
      put(18);
      writer.write(run - 11, 7);
    } else if (lengths[at] === 0 && run >= 3 && random.below(4) > 0) {
      run = Math.min(run, 10);
      put(17);
      writer.write(run - 3, 3);
    } else if (at > 0 && lengths[at - 1] === lengths[at] && run >= 3 && random.below(4) > 0) {
      run = Math.min(run, 6);
      put(16);
      writer.write(run - 3, 2);
    } else {
      run = 1;
      put(lengths[at]!);
    }
    at += run;
  }
}

function writeSymbols(
  writer: BitWriter,
  random: RandomBytes,
  options: { output: number[]; literals: readonly number[]; distances: readonly number[] },
): void {
  const { output, literals, distances } = options;
  const literalCodes = codesOf(literals);
  const distanceCodes = codesOf(distances);
  // Of the fixed codes the last two of each kind exist and stand for nothing.
  const symbols = literals.flatMap((length, symbol) =>
    length > 0 && symbol !== 256 && symbol < 286 ? symbol : []
  );
  for (let count = random.below(600); count > 0 && symbols.length > 0; count--) {
    const symbol = random.pick(symbols);
    if (symbol < 256) {
      writer.writeCode(literalCodes[symbol]!, literals[symbol]!);
      output.push(symbol);
      continue;
    }
    const usable = distances.flatMap((length, distance) =>
      length > 0 && distance < 30 && distanceOf(distance).base <= output.length ? distance : []
    );
    if (usable.length === 0) continue;
    const extra = LENGTH_EXTRAS[symbol - 257]!;
    const lengthMore = random.below(1 << extra);
    const distance = random.pick(usable);
    const { base, extra: distanceExtra } = distanceOf(distance);
    const more = random.below(Math.min(1 << distanceExtra, output.length - base + 1));
    writer.writeCode(literalCodes[symbol]!, literals[symbol]!);
    writer.write(lengthMore, extra);
    writer.writeCode(distanceCodes[distance]!, distances[distance]!);
    writer.write(more, distanceExtra);
    const length = LENGTH_BASES[symbol - 257]! + lengthMore;
    for (let i = 0; i < length; i++) output.push(output[output.length - base - more]!);
  }
  writer.writeCode(literalCodes[256]!, literals[256]!);
}

function writeDynamic(writer: BitWriter, random: RandomBytes, output: number[]): void {
  const symbols = [...new Set([256, ...sampleOf(random, 286)])];
  const literals = randomLengths(random, { symbols, size: 286, bitsMax: 15 });
  const distances = randomLengths(random, {
    symbols: sampleOf(random, 30),
    size: 30,
    bitsMax: 15,
  });
  writer.write(2, 2);
  writer.write(286 - 257, 5);
  writer.write(30 - 1, 5);
  writeLengths(writer, random, [...literals, ...distances]);
  writeSymbols(writer, random, { output, literals, distances });
}

function writeFixed(writer: BitWriter, random: RandomBytes, output: number[]): void {
  const literals = Array.from(
    { length: 288 },
    (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8,
  );
  const distances = new Array<number>(32).fill(5);
  writer.write(1, 2);
  writeSymbols(writer, random, { output, literals, distances });
}

function writeStored(writer: BitWriter, random: RandomBytes, output: number[]): void {
  writer.write(0, 2);
  writer.align();
  const data = random.noise(random.below(random.pick([2, 50, 3000])));
  writer.write(data.length, 16);
  writer.write(data.length ^ 0xffff, 16);
  for (const byte of data) writer.write(byte, 8);
  output.push(...data);
}

/** A random stream and what it stands for. */
export interface RandomStream {
  /** The zlib stream. */
  readonly stream: Uint8Array<ArrayBuffer>;
  /** What it inflates to. */
  readonly output: Uint8Array<ArrayBuffer>;
}

/** Writes a stream of one to four random blocks. */
export function randomZlibStream(random: RandomBytes): RandomStream {
  const writer = new BitWriter();
  const output: number[] = [];
  for (let blocks = 1 + random.below(4); blocks > 0; blocks--) {
    writer.write(blocks === 1 ? 1 : 0, 1);
    random.pick([writeDynamic, writeDynamic, writeFixed, writeStored])(writer, random, output);
  }
  writer.align();
  const bytes = Uint8Array.from(output);
  // A compressor's own stream of the same bytes ends in the checksum.
  const check = zlib.deflateSync(bytes, { level: 0 }).subarray(-4);
  return { stream: Uint8Array.from([0x78, 0x9c, ...writer.bytes, ...check]), output: bytes };
}
