/**
 * Object ids: the hash of "type size\0" and the object's bytes.
 *
 * Small objects are hashed by the kernel where they stand; above a threshold the call of the runtime's
 * native hash costs less than it saves. The native digest is taken as text: as a buffer it costs some
 * two microseconds more, and memory that only the garbage collector gives back (docs/kernels.md).
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { type ObjectFormat, objectTypeOf, oidBytes } from "@gitstratum/core/git";
import type { IngestMemory } from "./ingest_memory.ts";

/** Objects from this size on are hashed natively. */
const NATIVE_BYTES_MIN = 512;

/** Hashes objects that stand in the memory of an ingest. */
export class ObjectHasher {
  readonly #memory: IngestMemory;
  readonly #format: ObjectFormat;
  readonly #prefixes: readonly Uint8Array[];

  /** Makes a hasher. */
  constructor(memory: IngestMemory, format: ObjectFormat) {
    this.#memory = memory;
    this.#format = format;
    this.#prefixes = [0, 1, 2, 3, 4].map((code) =>
      new TextEncoder().encode(`${objectTypeOf(code) ?? ""} `)
    );
  }

  /** Puts the id of the object of `size` bytes at `pointer` into the memory's `hash`. */
  hash(typeCode: number, pointer: number, size: number): void {
    const { kernels, hashHead, hash, bytes } = this.#memory;
    const headBytes = this.#writeHead(typeCode, size);
    if (size < NATIVE_BYTES_MIN) {
      if (this.#format === "sha1") {
        kernels.sha1(hashHead.pointer, headBytes, pointer, size, hash.pointer);
      } else kernels.sha256(hashHead.pointer, headBytes, pointer, size, hash.pointer);
      return;
    }
    const native = createHash(this.#format);
    native.update(bytes.subarray(hashHead.pointer, hashHead.pointer + headBytes));
    native.update(bytes.subarray(pointer, pointer + size));
    bytes.subarray(hash.pointer).setFromHex(native.digest("hex"));
  }

  /** Begins a hash of an object whose bytes come in pieces. */
  begin(typeCode: number, size: number): Hash {
    const headBytes = this.#writeHead(typeCode, size);
    const { hashHead } = this.#memory;
    return createHash(this.#format).update(this.#memory.view(hashHead.pointer, headBytes));
  }

  /** Ends a hash that was begun: puts the id into the memory's `hash`. */
  end(hash: Hash): void {
    this.#memory.view(this.#memory.hash.pointer, oidBytes(this.#format)).set(hash.digest());
  }

  #writeHead(typeCode: number, size: number): number {
    const { hashHead, bytes } = this.#memory;
    const prefix = this.#prefixes[typeCode]!;
    bytes.set(prefix, hashHead.pointer);
    let digits = 1;
    for (let rest = size; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    const end = hashHead.pointer + prefix.length + digits;
    let rest = size;
    for (let at = end - 1; at >= end - digits; at--) {
      bytes[at] = 0x30 + rest % 10;
      rest = Math.floor(rest / 10);
    }
    bytes[end] = 0;
    return prefix.length + digits + 1;
  }
}
