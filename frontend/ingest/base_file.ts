/**
 * Where the host of an ingest puts delta bases for its engine: in messages while they are few and
 * small, else in a file that both sides know by name.
 *
 * @module
 */

import { GitStratumError, INGEST_BASE_FILE_BYTES_MAX, KIB, MIB } from "@gitstratum/core";
import type { Disk, DiskFile } from "@gitstratum/core/disk";
import { pieces } from "../pack_assembly/object_bytes.ts";
import type { BaseObject } from "./ingest_host.ts";
import type { StoredObject } from "./stored_objects.ts";

/** Largest base that is handed over in memory. */
const MEMORY_OBJECT_BYTES_MAX = 256 * KIB;
/** All bases of one ingest that are handed over in memory. */
const MEMORY_BYTES_MAX = 4 * MIB;

/** The bases of one ingest. */
export class BaseFile {
  readonly #disk: Disk;
  readonly #name: string;
  #file: DiskFile | undefined;
  #fileBytes = 0;
  #memoryBytes = 0;

  /** Makes an empty set; the file `name` is made when it is needed. */
  constructor(disk: Disk, name: string) {
    this.#disk = disk;
    this.#name = name;
  }

  /**
   * Hands an object over. It may be closed afterwards.
   *
   * @throws `exhausted` when the bases of one push are too large together
   */
  add(object: StoredObject): BaseObject {
    const { oid, typeCode, depth, bytes } = object;
    const { size } = bytes;
    const about = { oid, typeCode, depth, size };
    if (size <= MEMORY_OBJECT_BYTES_MAX && this.#memoryBytes + size <= MEMORY_BYTES_MAX) {
      this.#memoryBytes += size;
      return { ...about, content: { kind: "memory", bytes: bytes.read(0, size).slice() } };
    }
    if (this.#fileBytes + size > INGEST_BASE_FILE_BYTES_MAX) {
      throw new GitStratumError("exhausted", "Refuse a pack whose delta bases are too large", {
        data: { bytesMax: INGEST_BASE_FILE_BYTES_MAX },
      });
    }
    const offset = this.#fileBytes;
    const file = this.#file ??= this.#disk.open(this.#name, {
      write: true,
      create: true,
      exclusive: true,
    });
    for (const piece of pieces(bytes)) {
      file.writeAt(piece, this.#fileBytes);
      this.#fileBytes += piece.length;
    }
    return { ...about, content: { kind: "file", name: this.#name, offset } };
  }

  /** Removes the file. */
  close(): void {
    if (this.#file === undefined) return;
    this.#file.close();
    this.#disk.remove(this.#name);
    this.#file = undefined;
  }
}
