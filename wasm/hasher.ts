/**
 * Hashes in progress over the memory of an instance: bytes in any portions, a state that lives in
 * linear memory.
 *
 * @module
 */

import type { Kernels } from "./kernels.ts";

/** The cryptographic hashes of the kernels. */
export type HashAlgorithm = "sha1" | "sha256";

/** A SHA-1 or SHA-256 in progress; one at a time, any number of them one after the other. */
export class Hasher {
  /** Bytes of the hash: 20 or 32. */
  readonly hashBytes: number;

  readonly #kernels: Kernels;
  readonly #algorithm: HashAlgorithm;
  readonly #state: number;

  /** Takes about 150 bytes of the memory of `kernels` and begins a hash. */
  constructor(kernels: Kernels, algorithm: HashAlgorithm) {
    this.#kernels = kernels;
    this.#algorithm = algorithm;
    this.hashBytes = algorithm === "sha1" ? 20 : 32;
    const { SHA1_STATE_BYTES, SHA256_STATE_BYTES } = kernels.raw;
    this.#state = kernels.alloc(
      (algorithm === "sha1" ? SHA1_STATE_BYTES : SHA256_STATE_BYTES).value,
    );
    this.start();
  }

  /** Begins a hash, whatever became of the one before. */
  start(): void {
    const { raw } = this.#kernels;
    if (this.#algorithm === "sha1") raw.sha1Start(this.#state);
    else raw.sha256Start(this.#state);
  }

  /** Appends a region. */
  update(pointer: number, bytes: number): void {
    const { raw } = this.#kernels;
    this.#kernels.checkRegion(pointer, bytes);
    if (this.#algorithm === "sha1") raw.sha1Update(this.#state, pointer, bytes);
    else raw.sha256Update(this.#state, pointer, bytes);
  }

  /** Writes {@link hashBytes} bytes at `outputPointer`; the next hash has to be started. */
  finish(outputPointer: number): void {
    const { raw } = this.#kernels;
    this.#kernels.checkRegion(outputPointer, this.hashBytes);
    if (this.#algorithm === "sha1") raw.sha1Finish(this.#state, outputPointer);
    else raw.sha256Finish(this.#state, outputPointer);
  }

  /** Gives the memory back; the hasher must not be used again. */
  close(): void {
    this.#kernels.free(this.#state);
  }
}

/** An XXH64 in progress. */
export class Xxh64Hasher {
  readonly #kernels: Kernels;
  readonly #state: number;

  /** Takes about 100 bytes of the memory of `kernels` and begins a hash. */
  constructor(kernels: Kernels, seed = 0n) {
    this.#kernels = kernels;
    this.#state = kernels.alloc(kernels.raw.XXH64_STATE_BYTES.value);
    this.start(seed);
  }

  /** Begins a hash, whatever became of the one before. */
  start(seed = 0n): void {
    this.#kernels.raw.xxh64Start(this.#state, seed);
  }

  /** Appends a region. */
  update(pointer: number, bytes: number): void {
    this.#kernels.checkRegion(pointer, bytes);
    this.#kernels.raw.xxh64Update(this.#state, pointer, bytes);
  }

  /** The hash of all bytes appended so far; more may be appended. */
  digest(): bigint {
    return BigInt.asUintN(64, this.#kernels.raw.xxh64Finish(this.#state));
  }

  /** Gives the memory back; the hasher must not be used again. */
  close(): void {
    this.#kernels.free(this.#state);
  }
}
