/**
 * The bytes of one object while it is rebuilt: in memory when small, in an unlinked scratch file when
 * not, so that no chain of deltas costs more memory than a fixed amount.
 *
 * Invariants: whoever holds {@link ObjectBytes} closes them; a scratch file has no name from the moment
 * it is open, so it ends with the process at the latest.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import { GitStratumError } from "@gitstratum/core/error";
import { MIB } from "@gitstratum/core/limits";

/** Objects up to this stay in memory while they are rebuilt. */
export const REBUILD_MEMORY_BYTES_MAX = 8 * MIB;
/** Longest piece of an object that is handed on. */
const PIECE_BYTES_MAX = 1 * MIB;

/** Bytes that can be read at any place. */
export interface ObjectBytes {
  /** Length in bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`; the caller must not change them. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** Releases them. */
  close(): void;
}

/** Bytes that are in memory. */
export class MemoryBytes implements ObjectBytes {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** Takes the bytes; nobody changes them from now on. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  /** {@inheritDoc ObjectBytes.size} */
  get size(): number {
    return this.#bytes.length;
  }

  /** {@inheritDoc ObjectBytes.read} */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    assert(offset + length <= this.size, "A read stays inside the object");
    return this.#bytes.subarray(offset, offset + length);
  }

  /** {@inheritDoc ObjectBytes.close} */
  close(): void {}
}

class FileBytes implements ObjectBytes {
  readonly #file: Deno.FsFile;
  readonly size: number;

  constructor(file: Deno.FsFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    assert(offset + length <= this.size, "A read stays inside the object");
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < length;) {
      const count = this.#file.readSync(bytes.subarray(at));
      assert(count !== null, "A scratch file holds what was written");
      at += count;
    }
    return bytes;
  }

  close(): void {
    this.#file.close();
  }
}

function openScratch(directory: string): Deno.FsFile {
  const path = `${directory}/rebuild-${crypto.randomUUID()}`;
  const file = Deno.openSync(path, { read: true, write: true, createNew: true });
  Deno.removeSync(path);
  return file;
}

/** Takes the bytes of an object in order. */
export class ObjectBytesWriter {
  readonly #sizeMax: number;
  readonly #memory: Uint8Array<ArrayBuffer> | undefined;
  readonly #file: Deno.FsFile | undefined;
  #length = 0;

  /** Makes a writer for at most `sizeMax` bytes. */
  constructor(sizeMax: number, options: { readonly scratchDirectory: string }) {
    this.#sizeMax = sizeMax;
    if (sizeMax <= REBUILD_MEMORY_BYTES_MAX) this.#memory = new Uint8Array(sizeMax);
    else this.#file = openScratch(options.scratchDirectory);
  }

  /**
   * Appends bytes.
   *
   * @throws `corrupt` when they are more than announced
   */
  write(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#sizeMax) throw this.#sizeError();
    this.#memory?.set(bytes, this.#length);
    if (this.#file !== undefined) {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    }
    this.#length += bytes.length;
  }

  /** Everything written, however much it is. */
  finish(): ObjectBytes {
    if (this.#file !== undefined) return new FileBytes(this.#file, this.#length);
    return new MemoryBytes(this.#memory!.subarray(0, this.#length));
  }

  /**
   * Everything written, which must be as much as was announced.
   *
   * @throws `corrupt`
   */
  finishExact(): ObjectBytes {
    if (this.#length !== this.#sizeMax) throw this.#sizeError();
    return this.finish();
  }

  /** Gives up. */
  abandon(): void {
    this.#file?.close();
  }

  #sizeError(): GitStratumError {
    return new GitStratumError("corrupt", "Rebuild an object of another size than recorded", {
      data: { wanted: this.#sizeMax },
    });
  }
}

/**
 * Exactly `size` bytes, as `write` writes them. Nothing stays behind when it fails.
 *
 * @throws `corrupt` when they are more or less, and whatever `write` throws
 */
export function writtenBytes(
  size: number,
  write: (out: ObjectBytesWriter) => void,
  options: { readonly scratchDirectory: string },
): ObjectBytes {
  const out = new ObjectBytesWriter(size, options);
  try {
    write(out);
    return out.finishExact();
  } catch (error) {
    out.abandon();
    throw error;
  }
}

/** Bytes in order, in pieces of at most 1 MiB that must not be changed. */
export function* pieces(bytes: ObjectBytes): Generator<Uint8Array<ArrayBuffer>> {
  for (let offset = 0; offset < bytes.size; offset += PIECE_BYTES_MAX) {
    yield bytes.read(offset, Math.min(PIECE_BYTES_MAX, bytes.size - offset));
  }
}
