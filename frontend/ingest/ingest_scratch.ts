/**
 * Scratch files of one ingest: named ones that two threads share, and nameless ones.
 *
 * @module
 */

import type { Disk, DiskFile } from "@gitstratum/core/disk";

/** A directory for scratch files, with names that belong to one ingest. */
export class IngestScratch {
  /** Path of the directory, which exists. */
  readonly directory: string;

  readonly #disk: Disk;
  readonly #prefix: string;
  readonly #named = new Map<string, DiskFile>();
  #count = 0;

  /** Makes scratch space over the disk whose root is `directory`. */
  constructor(
    disk: Disk,
    options: { readonly directory: string; readonly prefix: string },
  ) {
    this.#disk = disk;
    this.directory = options.directory;
    this.#prefix = options.prefix;
  }

  /** Opens an empty file without a name: it is gone when it is closed, however the process ends. */
  open(): DiskFile {
    const name = `${this.#prefix}-cut-${this.#count++}`;
    const file = this.#disk.open(name, { write: true, create: true, exclusive: true });
    this.#disk.remove(name);
    return file;
  }

  /** A file that somebody else made, open until {@link close}. */
  named(name: string): DiskFile {
    const open = this.#named.get(name);
    if (open !== undefined) return open;
    const file = this.#disk.open(name);
    this.#named.set(name, file);
    return file;
  }

  /** Closes the named files. */
  close(): void {
    for (const file of this.#named.values()) file.close();
    this.#named.clear();
  }
}
