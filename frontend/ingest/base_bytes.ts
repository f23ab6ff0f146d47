/**
 * Delta bases from the network, as the engine gets them: in memory, or in the file of bases that the
 * host of the ingest fills.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import type { DiskFile } from "@gitstratum/core/disk";
import { MemoryBytes, type ObjectBytes } from "../pack_assembly/object_bytes.ts";
import type { BaseObject } from "./ingest_host.ts";
import type { IngestScratch } from "./ingest_scratch.ts";

/** The bytes of a base. */
export function baseBytes(base: BaseObject, scratch: IngestScratch): ObjectBytes {
  const { content, size } = base;
  if (content.kind === "memory") return new MemoryBytes(content.bytes);
  return new BytesInFile(scratch.named(content.name), { offset: content.offset, size });
}

class BytesInFile implements ObjectBytes {
  readonly size: number;
  readonly #file: DiskFile;
  readonly #offset: number;

  constructor(file: DiskFile, place: { readonly offset: number; readonly size: number }) {
    this.#file = file;
    this.#offset = place.offset;
    this.size = place.size;
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    assert(offset + length <= this.size, "A read stays inside the object");
    const bytes = new Uint8Array(length);
    const count = this.#file.readAt(bytes, this.#offset + offset);
    assert(count === length, "A scratch file holds what was written");
    return bytes;
  }

  /** The file is shared by all bases and closed with the scratch space. */
  close(): void {}
}
