/**
 * What is measured about the kernels: each case with its rival, and both with a check of what they
 * return. The benchmark times them; a test runs each once.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import zlib from "node:zlib";
import { Inflater, Kernels, KeyTable, lz4BytesMax } from "../mod.ts";
import { RandomBytes } from "./random_bytes.ts";

/** One thing to time. */
export interface BenchCase {
  /** Cases of a group do the same work. */
  readonly group: string;
  /** Who does it. */
  readonly name: string;
  /** Bytes that one run works on; for figures per second. */
  readonly bytes: number;
  /** Does it once. */
  readonly run: () => void;
  /** Throws unless the last run did what it should. */
  readonly verify: () => void;
}

/** Text of the kind that repositories hold: the sources of this package, over and over. */
export function benchCorpus(bytes: number): Uint8Array<ArrayBuffer> {
  const folder = new URL("../assembly/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  const once = Buffer.concat(names.map((name) => Deno.readFileSync(new URL(name, folder))));
  return Uint8Array.from({ length: bytes }, (_, i) => once[i % once.length]!);
}

/** Every case for objects of `bytes` bytes, on an instance of its own. */
export function benchCases(bytes: number): readonly BenchCase[] {
  const kernels = Kernels.create();
  const data = benchCorpus(bytes);
  return [
    ...inflateCases(kernels, data),
    ...hashCases(kernels, data),
    ...checksumCases(kernels, data),
    deltaCase(kernels, data),
    ...lz4Cases(kernels, data),
    keyTableCase(kernels, bytes),
  ];
}

function expectSame(found: Uint8Array, wanted: Uint8Array): void {
  if (!Buffer.from(found).equals(wanted)) throw new Error("Verify a benchmark: other bytes");
}

function sizeName(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${bytes / 1000} kB` : `${bytes / 1e6} MB`;
}

function place(kernels: Kernels, data: Uint8Array): number {
  const pointer = kernels.alloc(data.length);
  kernels.write(pointer, data);
  return pointer;
}

function inflateCases(kernels: Kernels, data: Uint8Array): readonly BenchCase[] {
  const group = `inflate ${sizeName(data.length)}`;
  const stream = Uint8Array.from(zlib.deflateSync(data));
  // In a pack other bytes follow the stream.
  const followed = stream.length + 64;
  const input = kernels.alloc(followed);
  kernels.write(input, stream);
  const output = kernels.alloc(data.length);
  const inflater = new Inflater(kernels);
  let status = "";
  let byZlib: Uint8Array = stream;
  return [{
    group,
    name: "kernel",
    bytes: data.length,
    run: () => {
      inflater.start();
      status = inflater.run(input, followed, output, data.length);
    },
    verify: () => {
      if (status !== "done") throw new Error(`Verify a benchmark: ${status}`);
      expectSame(kernels.view(output, data.length), data);
    },
  }, {
    group,
    name: "node:zlib",
    bytes: data.length,
    run: () => byZlib = zlib.inflateSync(stream),
    verify: () => expectSame(byZlib, data),
  }];
}

function hashCases(kernels: Kernels, data: Uint8Array): readonly BenchCase[] {
  const input = place(kernels, data);
  const output = kernels.alloc(32);
  return (["sha1", "sha256"] as const).flatMap((algorithm) => {
    const group = `${algorithm} ${sizeName(data.length)}`;
    const wanted = createHash(algorithm).update(data).digest();
    let byNode: Uint8Array = wanted;
    return [{
      group,
      name: "kernel",
      bytes: data.length,
      run: () => kernels[algorithm](0, 0, input, data.length, output),
      verify: () => expectSame(kernels.view(output, wanted.length), wanted),
    }, {
      group,
      name: "node:crypto",
      bytes: data.length,
      run: () => byNode = createHash(algorithm).update(data).digest(),
      verify: () => expectSame(byNode, wanted),
    }];
  });
}

function checksumCases(kernels: Kernels, data: Uint8Array): readonly BenchCase[] {
  const input = place(kernels, data);
  const bytes = data.length;
  let found: number | bigint = 0;
  const expectFound = (wanted: number | bigint) => () => {
    if (found !== wanted) throw new Error(`Verify a benchmark: ${found}, not ${wanted}`);
  };
  const size = sizeName(bytes);
  return [{
    group: `crc32 ${size}`,
    name: "kernel",
    bytes,
    run: () => found = kernels.crc32(input, bytes),
    verify: expectFound(zlib.crc32(data)),
  }, {
    group: `crc32 ${size}`,
    name: "node:zlib",
    bytes,
    run: () => found = zlib.crc32(data),
    verify: expectFound(zlib.crc32(data)),
  }, {
    group: `xxh64 ${size}`,
    name: "kernel",
    bytes,
    run: () => found = kernels.xxh64(input, bytes),
    verify: expectFound(kernels.xxh64(input, bytes)),
  }];
}

/** A delta of copies of 100 bytes with 10 new bytes between them, against `data`. */
function deltaCase(kernels: Kernels, data: Uint8Array): BenchCase {
  const result: number[] = [];
  const instructions: number[] = [];
  for (let offset = 0; offset + 100 <= data.length; offset += 100) {
    const digits = [offset & 255, (offset >> 8) & 255, (offset >> 16) & 255];
    instructions.push(0x97, ...digits, 100, 10, ...new Uint8Array(10).fill(35));
    result.push(...data.subarray(offset, offset + 100), ...new Uint8Array(10).fill(35));
  }
  const size = (n: number) => [(n & 127) | 128, ((n >> 7) & 127) | 128, (n >> 14) & 127];
  const delta = [...size(data.length), ...size(result.length), ...instructions];
  const base = place(kernels, data);
  const pointer = place(kernels, Uint8Array.from(delta));
  const output = kernels.alloc(result.length);
  let status = "";
  return {
    group: `delta ${sizeName(data.length)}`,
    name: "kernel",
    bytes: result.length,
    run: () => {
      const { length } = delta;
      status = kernels.applyDelta(base, data.length, pointer, length, output, result.length);
    },
    verify: () => {
      if (status !== "ok") throw new Error(`Verify a benchmark: ${status}`);
      expectSame(kernels.view(output, result.length), Uint8Array.from(result));
    },
  };
}

function lz4Cases(kernels: Kernels, data: Uint8Array): readonly BenchCase[] {
  const room = lz4BytesMax(data.length);
  const input = place(kernels, data);
  const block = kernels.alloc(room);
  const output = kernels.alloc(data.length);
  let size = kernels.lz4Compress(input, data.length, block, room)!;
  const verify = () => {
    kernels.lz4Decompress(block, size, output, data.length);
    expectSame(kernels.view(output, data.length), data);
  };
  const bytes = data.length;
  return [{
    group: `lz4 compress ${sizeName(bytes)}`,
    name: "kernel",
    bytes,
    run: () => size = kernels.lz4Compress(input, bytes, block, room)!,
    verify,
  }, {
    group: `lz4 decompress ${sizeName(bytes)}`,
    name: "kernel",
    bytes,
    run: () => kernels.lz4Decompress(block, size, output, bytes),
    verify,
  }];
}

/** Finds and inserts as many keys as fit the size, half of them twice. */
function keyTableCase(kernels: Kernels, bytes: number): BenchCase {
  const count = Math.max(1, Math.floor(bytes / 20));
  const keys = place(kernels, new RandomBytes(1).noise(count * 20));
  let found = 0;
  return {
    group: `key table of ${count}`,
    name: "kernel",
    bytes: count * 20,
    run: () => {
      const table = new KeyTable(kernels, { keyBytes: 20, seed: 7n });
      for (let i = 0; i < count; i++) table.insert(keys + i * 20, i);
      for (let i = 0; i < count; i += 2) table.insert(keys + i * 20, i);
      found = table.count;
      table.close();
    },
    verify: () => {
      if (found !== count) throw new Error(`Verify a benchmark: ${found} keys`);
    },
  };
}
