/**
 * The pack as it came: bytes that grow at the end and can be read at any place.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import type { DiskFile } from "@gitstratum/core/disk";

/** Readable bytes of a pack. */
export interface Spool {
  /** Fills `target` with the bytes at `offset`; they must be there already. */
  read(target: Uint8Array, offset: number): void;
}

/** A spool over a scratch file that somebody else appends to. */
export class FileSpool implements Spool {
  readonly #file: DiskFile;

  /** Makes a spool over an open file, which stays the caller's. */
  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** {@inheritDoc Spool.read} */
  read(target: Uint8Array, offset: number): void {
    const count = this.#file.readAt(target, offset);
    assert(count === target.length, "Spooled bytes are read after they were announced");
  }
}

/** A spool in memory, for small packs. */
export class MemorySpool implements Spool {
  readonly #chunks: Uint8Array[] = [];
  readonly #starts: number[] = [];
  #bytes = 0;

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The chunks so far, in order. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  /** Gives all bytes up. */
  clear(): void {
    this.#chunks.length = 0;
    this.#starts.length = 0;
    this.#bytes = 0;
  }

  /** Appends a chunk, which must not change afterwards. */
  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#starts.push(this.#bytes);
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** {@inheritDoc Spool.read} */
  read(target: Uint8Array, offset: number): void {
    assert(offset + target.length <= this.#bytes, "Spooled bytes are read after they came");
    let index = this.#chunkAt(offset);
    let done = 0;
    while (done < target.length) {
      const from = offset + done - this.#starts[index]!;
      const piece = this.#chunks[index++]!.subarray(from, from + target.length - done);
      target.set(piece, done);
      done += piece.length;
    }
  }

  #chunkAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
