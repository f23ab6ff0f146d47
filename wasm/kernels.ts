/**
 * One instance of the kernels and its linear memory.
 *
 * Data is brought in once and stays while several kernels work on it; what the kernels take and
 * return are pointers (byte offsets) into that memory. Every call checks that its regions lie
 * inside it. That they do not overlap, and that they were allocated, is up to the caller.
 *
 * An instance is not shared between threads and never waits: every call is synchronous.
 *
 * @module
 */

import { KERNELS_BASE64 } from "./build/kernels.ts";
import type { KernelExports } from "./kernel_exports.ts";
import { KernelError } from "./kernel_error.ts";

/** Compiled once in each thread; all instances share the code. */
const module = new WebAssembly.Module(Uint8Array.fromBase64(KERNELS_BASE64));

/** What {@link Kernels.applyDelta} says about a delta. */
export type DeltaStatus =
  | "ok"
  | "truncated"
  | "base-size-mismatch"
  | "result-size-mismatch"
  | "read-out-of-base"
  | "write-out-of-result"
  | "reserved-opcode";

const DELTA_STATUSES: readonly DeltaStatus[] = [
  "ok",
  "truncated",
  "base-size-mismatch",
  "result-size-mismatch",
  "read-out-of-base",
  "write-out-of-result",
  "reserved-opcode",
];

/** The two sizes at the head of a delta, in bytes. */
export interface DeltaSizes {
  /** Size of the base that the delta is for. */
  readonly baseBytes: number;
  /** Size of what it makes. */
  readonly resultBytes: number;
}

/** An instance of the kernels with its own memory, which starts small and never shrinks. */
export class Kernels {
  /** The exports themselves, for the wrappers of this package. */
  readonly raw: KernelExports;

  /** Fetching it from the memory is a slow call, and each region is checked against it. */
  #buffer: ArrayBuffer;

  private constructor(raw: KernelExports) {
    this.raw = raw;
    this.#buffer = raw.memory.buffer;
  }

  /** Makes an instance; takes a small part of a millisecond. */
  static create(): Kernels {
    const instance = new WebAssembly.Instance(module, {});
    return new Kernels(instance.exports as unknown as KernelExports);
  }

  /** Size of the whole linear memory in bytes. */
  get memoryBytes(): number {
    return this.buffer.byteLength;
  }

  /** The linear memory as it is now; growth replaces it, and detaches all views of the old one. */
  get buffer(): ArrayBuffer {
    if (this.#buffer.byteLength === 0) this.#buffer = this.raw.memory.buffer;
    return this.#buffer;
  }

  /**
   * Takes memory: `bytes` bytes, aligned to 16, not cleared.
   *
   * @throws KernelError "out-of-memory" when the instance would exceed 2 GiB; it stays usable.
   */
  alloc(bytes: number): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError("Allocate a byte count");
    // The allocator's own bound on a block; beyond it the argument could wrap.
    if (bytes > 0x3fff_0000) throw outOfMemory(bytes);
    try {
      return this.raw.alloc(bytes);
    } catch (error) {
      throw asOutOfMemory(error, bytes);
    }
  }

  /** Gives memory back that {@link alloc} returned. Zero is ignored. */
  free(pointer: number): void {
    this.raw.free(pointer);
  }

  /** The bytes at `pointer` without a copy. Invalid after any later {@link alloc}. */
  view(pointer: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer, pointer, bytes);
  }

  /** A copy of the bytes at `pointer`. */
  read(pointer: number, bytes: number): Uint8Array<ArrayBuffer> {
    return this.view(pointer, bytes).slice();
  }

  /** Copies `data` to `pointer`. */
  write(pointer: number, data: Uint8Array): void {
    this.view(pointer, data.length).set(data);
  }

  /** CRC-32 of a region, appended to what `check` covers. */
  crc32(pointer: number, bytes: number, check = 0): number {
    this.checkRegion(pointer, bytes);
    return this.raw.crc32(check, pointer, bytes) >>> 0;
  }

  /** Adler-32 of a region, appended to what `check` covers. */
  adler32(pointer: number, bytes: number, check = 1): number {
    this.checkRegion(pointer, bytes);
    return this.raw.adler32(check, pointer, bytes) >>> 0;
  }

  /** XXH64 of a region. */
  xxh64(pointer: number, bytes: number, seed = 0n): bigint {
    this.checkRegion(pointer, bytes);
    return BigInt.asUintN(64, this.raw.xxh64(pointer, bytes, seed));
  }

  /** Writes at `output` the 20 bytes of the SHA-1 of `header` followed by `body` (both regions). */
  sha1(
    headerPointer: number,
    headerBytes: number,
    bodyPointer: number,
    bodyBytes: number,
    outputPointer: number,
  ): void {
    this.checkRegion(headerPointer, headerBytes);
    this.checkRegion(bodyPointer, bodyBytes);
    this.checkRegion(outputPointer, 20);
    this.raw.sha1(headerPointer, headerBytes, bodyPointer, bodyBytes, outputPointer);
  }

  /** Writes at `output` the 32 bytes of the SHA-256 of `header` followed by `body`. */
  sha256(
    headerPointer: number,
    headerBytes: number,
    bodyPointer: number,
    bodyBytes: number,
    outputPointer: number,
  ): void {
    this.checkRegion(headerPointer, headerBytes);
    this.checkRegion(bodyPointer, bodyBytes);
    this.checkRegion(outputPointer, 32);
    this.raw.sha256(headerPointer, headerBytes, bodyPointer, bodyBytes, outputPointer);
  }

  /** The sizes at the head of a delta; undefined when it ends before them or they are absurd. */
  deltaSizes(pointer: number, bytes: number): DeltaSizes | undefined {
    this.checkRegion(pointer, bytes);
    const baseBytes = this.raw.deltaSize(pointer, bytes, 0);
    const resultBytes = this.raw.deltaSize(pointer, bytes, 1);
    return baseBytes < 0 || resultBytes < 0 ? undefined : { baseBytes, resultBytes };
  }

  /**
   * Applies a delta in git's format (gitformat-pack). Writes exactly `outputBytes` bytes when "ok";
   * otherwise some of them may have been written.
   */
  applyDelta(
    basePointer: number,
    baseBytes: number,
    deltaPointer: number,
    deltaBytes: number,
    outputPointer: number,
    outputBytes: number,
  ): DeltaStatus {
    this.checkRegion(basePointer, baseBytes);
    this.checkRegion(deltaPointer, deltaBytes);
    this.checkRegion(outputPointer, outputBytes);
    const status = this.raw.applyDelta(
      basePointer,
      baseBytes,
      deltaPointer,
      deltaBytes,
      outputPointer,
      outputBytes,
    );
    return DELTA_STATUSES[status]!;
  }

  /**
   * Compresses a region as one LZ4 block and returns its compressed size; undefined when that would
   * exceed `outputBytes`. {@link lz4BytesMax} bytes are always enough.
   */
  lz4Compress(
    inputPointer: number,
    inputBytes: number,
    outputPointer: number,
    outputBytes: number,
  ): number | undefined {
    this.checkRegion(inputPointer, inputBytes);
    this.checkRegion(outputPointer, outputBytes);
    const size = this.raw.lz4Compress(inputPointer, inputBytes, outputPointer, outputBytes);
    return size < 0 ? undefined : size;
  }

  /**
   * Decompresses one LZ4 block and returns the size of what it stands for; undefined when it is bad
   * or stands for more than `outputBytes`. Bytes of the room behind the result may be overwritten.
   */
  lz4Decompress(
    inputPointer: number,
    inputBytes: number,
    outputPointer: number,
    outputBytes: number,
  ): number | undefined {
    this.checkRegion(inputPointer, inputBytes);
    this.checkRegion(outputPointer, outputBytes);
    const size = this.raw.lz4Decompress(inputPointer, inputBytes, outputPointer, outputBytes);
    return size < 0 ? undefined : size;
  }

  /**
   * A first look at a tree of git with ids of `idBytes` bytes (20 or 32). When every entry has a usual
   * mode, a name without a slash and an id that is not zero, and all stand in git's order, it writes
   * the offsets of the entries whose names deserve a closer look (32-bit words, at most `countMax`) and
   * returns how many there are; undefined says that the whole tree deserves one.
   */
  checkTree(
    pointer: number,
    bytes: number,
    options: {
      readonly idBytes: number;
      readonly suspectsPointer: number;
      readonly countMax: number;
    },
  ): number | undefined {
    const { idBytes, suspectsPointer, countMax } = options;
    if (idBytes !== 20 && idBytes !== 32) throw new RangeError("Check ids of 20 or 32 bytes");
    this.checkRegion(pointer, bytes);
    this.checkRegion(suspectsPointer, countMax * 4);
    const count = this.raw.checkTree(pointer, bytes, idBytes, suspectsPointer, countMax);
    return count < 0 ? undefined : count;
  }

  /** Throws RangeError unless the region lies inside the memory: a mistake of the caller. */
  checkRegion(pointer: number, bytes: number): void {
    if (pointer < 0 || bytes < 0 || !(pointer + bytes <= this.memoryBytes)) {
      throw new RangeError(`Reach ${bytes} bytes at ${pointer} of ${this.memoryBytes}`);
    }
  }
}

/** The largest size to which `bytes` bytes can be compressed as an LZ4 block. */
export function lz4BytesMax(bytes: number): number {
  return bytes + Math.floor(bytes / 255) + 16;
}

/** The error for a call that trapped while it wanted `bytes` bytes; any other error as it is. */
export function asOutOfMemory(error: unknown, bytes: number): unknown {
  return error instanceof WebAssembly.RuntimeError ? outOfMemory(bytes) : error;
}

function outOfMemory(bytes: number): KernelError {
  return new KernelError("out-of-memory", "Grow the memory of the kernels", { data: { bytes } });
}
