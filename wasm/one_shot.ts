/**
 * The kernels as plain functions on byte arrays, over one shared instance that is made when first
 * needed. Large inputs pass through a fixed buffer in slices, so that its memory stays small.
 *
 * Whoever runs several kernels on the same bytes is better off with {@link Kernels}.
 *
 * @module
 */

import { type HashAlgorithm, Hasher, Xxh64Hasher } from "./hasher.ts";
import { Inflater } from "./inflater.ts";
import { KernelError } from "./kernel_error.ts";
import { Kernels, lz4BytesMax } from "./kernels.ts";

/** Bytes that are brought in at a time. */
const INPUT_BYTES = 64 * 1024;
/** Bytes that inflate writes at a time. */
const OUTPUT_BYTES = 128 * 1024;

/** An instance whose memory grew beyond this, for large LZ4 blocks, is let go. */
const MEMORY_BYTES_MAX = 4 * 1024 * 1024;

interface Shared {
  readonly kernels: Kernels;
  readonly input: number;
  readonly output: number;
  readonly inflater: Inflater;
  readonly sha1: Hasher;
  readonly sha256: Hasher;
  readonly xxh64: Xxh64Hasher;
}

let instance: Shared | undefined;

function shared(): Shared {
  if (instance === undefined) {
    const kernels = Kernels.create();
    instance = {
      kernels,
      input: kernels.alloc(INPUT_BYTES),
      output: kernels.alloc(OUTPUT_BYTES),
      inflater: new Inflater(kernels),
      sha1: new Hasher(kernels, "sha1"),
      sha256: new Hasher(kernels, "sha256"),
      xxh64: new Xxh64Hasher(kernels),
    };
  }
  return instance;
}

/** Calls `use` with the size of each slice of `data` that lies at the shared input. */
function forEachSlice(data: Uint8Array, use: (bytes: number) => void): void {
  const { kernels, input } = shared();
  for (let start = 0; start < data.length; start += INPUT_BYTES) {
    const slice = data.subarray(start, start + INPUT_BYTES);
    kernels.write(input, slice);
    use(slice.length);
  }
}

/** XXH64 of `data`. */
export function xxh64(data: Uint8Array, seed = 0n): bigint {
  const { kernels, input, xxh64 } = shared();
  if (data.length <= INPUT_BYTES) {
    kernels.write(input, data);
    return kernels.xxh64(input, data.length, seed);
  }
  xxh64.start(seed);
  forEachSlice(data, (bytes) => xxh64.update(input, bytes));
  return xxh64.digest();
}

/** CRC-32 of `data`, appended to what `check` covers. */
export function crc32(data: Uint8Array, check = 0): number {
  const { kernels, input } = shared();
  let result = check >>> 0;
  forEachSlice(data, (bytes) => result = kernels.crc32(input, bytes, result));
  return result;
}

/** Adler-32 of `data`, appended to what `check` covers. */
export function adler32(data: Uint8Array, check = 1): number {
  const { kernels, input } = shared();
  let result = check >>> 0;
  forEachSlice(data, (bytes) => result = kernels.adler32(input, bytes, result));
  return result;
}

/** The 20 bytes of the SHA-1 of `data`. */
export function sha1(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return hash(data, "sha1");
}

/** The 32 bytes of the SHA-256 of `data`. */
export function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return hash(data, "sha256");
}

function hash(data: Uint8Array, algorithm: HashAlgorithm): Uint8Array<ArrayBuffer> {
  const { kernels, input, output, [algorithm]: hasher } = shared();
  hasher.start();
  forEachSlice(data, (bytes) => hasher.update(input, bytes));
  hasher.finish(output);
  return kernels.read(output, hasher.hashBytes);
}

/** What {@link inflate} returns. */
export interface Inflated {
  /** The bytes that the stream stands for. */
  readonly output: Uint8Array<ArrayBuffer>;
  /** Bytes of the input that belong to the stream; any others follow it. */
  readonly consumed: number;
}

/**
 * Inflates the zlib stream (RFC 1950) that `data` begins with; its checksum is verified.
 *
 * @throws KernelError "too-large" when it stands for more than `sizeMax` bytes, "truncated" when
 * `data` ends before it, "corrupt" when it is none.
 */
export function inflate(data: Uint8Array, sizeMax: number): Inflated {
  const { kernels, input, output, inflater } = shared();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let consumed = 0;
  let produced = 0;
  inflater.start({ streaming: true });
  while (true) {
    const slice = data.subarray(consumed, consumed + INPUT_BYTES);
    kernels.write(input, slice);
    const status = inflater.run(input, slice.length, output, OUTPUT_BYTES);
    consumed += inflater.consumed;
    produced += inflater.produced;
    if (status === "corrupt") throw new KernelError("corrupt", "Inflate a zlib stream");
    if (produced > sizeMax) {
      throw new KernelError("too-large", "Bound an inflated stream", { data: { sizeMax } });
    }
    if (inflater.produced > 0) parts.push(kernels.read(output, inflater.produced));
    if (status === "done") return { output: concatenate(parts, produced), consumed };
    if (status === "needs-input" && consumed === data.length) {
      throw new KernelError("truncated", "Inflate a zlib stream", { data: { bytes: consumed } });
    }
  }
}

/** `data` as one LZ4 block. Blocks are compressed whole: cut what is larger than a few MiB. */
export function lz4Compress(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const room = lz4BytesMax(data.length);
  return withRegions([data.length, room], (kernels, [from, to]) => {
    kernels.write(from!, data);
    return kernels.read(to!, kernels.lz4Compress(from!, data.length, to!, room)!);
  });
}

/**
 * What the LZ4 block `data` stands for.
 *
 * @throws KernelError "corrupt" when it is none, or stands for more than `sizeMax` bytes.
 */
export function lz4Decompress(data: Uint8Array, sizeMax: number): Uint8Array<ArrayBuffer> {
  return withRegions([data.length, sizeMax], (kernels, [from, to]) => {
    kernels.write(from!, data);
    const size = kernels.lz4Decompress(from!, data.length, to!, sizeMax);
    if (size === undefined) {
      throw new KernelError("corrupt", "Decompress an LZ4 block", { data: { sizeMax } });
    }
    return kernels.read(to!, size);
  });
}

function withRegions<T>(
  sizes: readonly number[],
  use: (kernels: Kernels, pointers: readonly number[]) => T,
): T {
  const { kernels } = shared();
  const pointers: number[] = [];
  try {
    for (const size of sizes) pointers.push(kernels.alloc(size));
    return use(kernels, pointers);
  } finally {
    for (const pointer of pointers) kernels.free(pointer);
    if (kernels.memoryBytes > MEMORY_BYTES_MAX) instance = undefined;
  }
}

function concatenate(
  parts: readonly Uint8Array<ArrayBuffer>[],
  bytes: number,
): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
