/**
 * A framed pack in a file, read in blocks while it grows and after. Each block is read with the check
 * that was taken when it was appended: nothing else than that ever leaves the file.
 *
 * The open file outlives its name: whoever holds it reads on after it was removed or replaced. It is
 * closed when the last holder has released it.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { assert, GitStratumError } from "@gitstratum/core";
import type { DiskFile } from "@gitstratum/core/disk";

/** What a file is made of. */
export interface PackFileParts {
  /** Open for reading, and for writing while it grows. */
  readonly file: DiskFile;
  /** Bytes of every block but the last. */
  readonly blockBytes: number;
  /** Bytes that it holds already. */
  readonly framedBytes: number;
  /** CRC-32 of each block that it holds already. */
  readonly checks?: readonly number[];
  /** Told of bytes that are not those that were appended. */
  onDamaged?(): void;
}

/** An open file of blocks, held once by its maker. */
export class PackFile {
  readonly #parts: PackFileParts;
  #framedBytes: number;
  readonly #checks: number[];
  #holders = 1;

  /** Takes the open file over. */
  constructor(parts: PackFileParts) {
    this.#parts = parts;
    this.#framedBytes = parts.framedBytes;
    this.#checks = [...parts.checks ?? []];
  }

  /** CRC-32 of each block that was appended, to be kept beside a finished file. */
  get checks(): readonly number[] {
    return this.#checks;
  }

  /** Bytes written so far. */
  get framedBytes(): number {
    return this.#framedBytes;
  }

  /** Blocks written so far. */
  get blockCount(): number {
    return Math.ceil(this.#framedBytes / this.#parts.blockBytes);
  }

  /**
   * Adds a block; only the last may be shorter than the others.
   *
   * @throws `disk-full`; the blocks before stay readable
   */
  append(block: Uint8Array): void {
    const { file, blockBytes } = this.#parts;
    assert(this.#holders > 0, "A file is written while it is held");
    assert(this.#framedBytes % blockBytes === 0, "Only the last block is short");
    assert(block.length <= blockBytes, "A block has a fixed size");
    file.writeAt(block, this.#framedBytes);
    this.#checks.push(crc32(block));
    this.#framedBytes += block.length;
  }

  /**
   * Reads a block that was written.
   *
   * @throws `corrupt` when the file holds something else, or less
   */
  read(index: number): Uint8Array {
    return this.readInto(new Uint8Array(this.#parts.blockBytes), index);
  }

  /**
   * Reads a block into memory that has room for one; returns the part that it filled.
   *
   * @throws as {@link read}
   */
  readInto(memory: Uint8Array, index: number): Uint8Array {
    const { file, blockBytes } = this.#parts;
    assert(this.#holders > 0, "A file is read while it is held");
    assert(index >= 0 && index < this.blockCount, "A block is read after it was written");
    const offset = index * blockBytes;
    const block = memory.subarray(0, Math.min(blockBytes, this.#framedBytes - offset));
    assert(block.length > 0, "A block fits the memory that it is read into");
    const found = file.readAt(block, offset);
    if (found === block.length && this.#checks[index] === crc32(block)) return block;
    this.#parts.onDamaged?.();
    throw new GitStratumError("corrupt", "Find a stored pack damaged", {
      data: { index, wanted: block.length, found },
    });
  }

  /** Keeps the file open for one holder more. */
  hold(): void {
    assert(this.#holders > 0, "A file is shared by a holder");
    this.#holders++;
  }

  /** Ends one hold. */
  release(): void {
    assert(this.#holders > 0, "A hold is released once");
    if (--this.#holders > 0) return;
    this.#parts.file.close();
  }
}
