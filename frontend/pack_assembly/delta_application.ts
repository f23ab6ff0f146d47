/**
 * Applies a delta (gitformat-pack, "Deltified representation") whose base, instructions and result may
 * each be too large for memory.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core/error";
import { KIB } from "@gitstratum/core/limits";
import { type ObjectBytes, type ObjectBytesWriter, writtenBytes } from "./object_bytes.ts";

const WINDOW_BYTES = 64 * KIB;
/** Longest copy done in one step. */
const COPY_BYTES_MAX = 256 * KIB;

function broken(problem: string): GitStratumError {
  return new GitStratumError("corrupt", "Read a broken delta", { data: { problem } });
}

/** Reads instructions through a window. */
class DeltaCursor {
  readonly #delta: ObjectBytes;
  #window = new Uint8Array();
  #windowStart = 0;
  #at = 0;

  constructor(delta: ObjectBytes) {
    this.#delta = delta;
  }

  get ended(): boolean {
    return this.#at >= this.#delta.size;
  }

  byte(): number {
    if (this.ended) throw broken("it ends inside an instruction");
    if (this.#at >= this.#windowStart + this.#window.length) {
      this.#windowStart = this.#at;
      this.#window = this.#delta.read(
        this.#at,
        Math.min(WINDOW_BYTES, this.#delta.size - this.#at),
      );
    }
    return this.#window[this.#at++ - this.#windowStart]!;
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#delta.size) throw broken("it ends inside an insertion");
    const bytes = this.#delta.read(this.#at, length);
    this.#at += length;
    return bytes;
  }

  varint(): number {
    let value = 0;
    for (let unit = 1;; unit *= 128) {
      if (unit > 2 ** 49) throw broken("a size is absurd");
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (!(byte & 0x80)) return value;
    }
  }
}

function copy(
  cursor: DeltaCursor,
  opcode: number,
  base: ObjectBytes,
  out: ObjectBytesWriter,
): void {
  let offset = 0;
  for (let i = 0; i < 4; i++) if (opcode & (1 << i)) offset += cursor.byte() * 2 ** (8 * i);
  let length = 0;
  for (let i = 0; i < 3; i++) if (opcode & (16 << i)) length += cursor.byte() << (8 * i);
  if (length === 0) length = 0x10000;
  if (offset + length > base.size) throw broken("it copies from outside of its base");
  for (let done = 0; done < length; done += COPY_BYTES_MAX) {
    out.write(base.read(offset + done, Math.min(COPY_BYTES_MAX, length - done)));
  }
}

/** The two sizes at the start of a delta, in bytes. */
export function deltaSizes(delta: ObjectBytes): { readonly base: number; readonly result: number } {
  const cursor = new DeltaCursor(delta);
  return { base: cursor.varint(), result: cursor.varint() };
}

/**
 * The object that `delta` makes of `base`, to be closed by the caller.
 *
 * @throws `corrupt` when the delta does not fit the base or is malformed
 */
export function appliedDelta(
  base: ObjectBytes,
  delta: ObjectBytes,
  options: { readonly scratchDirectory: string },
): ObjectBytes {
  return writtenBytes(deltaSizes(delta).result, (out) => apply(base, delta, out), options);
}

function apply(base: ObjectBytes, delta: ObjectBytes, out: ObjectBytesWriter): void {
  const cursor = new DeltaCursor(delta);
  if (cursor.varint() !== base.size) throw broken("its base has another size");
  cursor.varint();
  while (!cursor.ended) {
    const opcode = cursor.byte();
    if (opcode === 0) throw broken("an instruction is reserved");
    if (opcode & 0x80) copy(cursor, opcode, base, out);
    else out.write(cursor.bytes(opcode));
  }
}
