/**
 * The files of a store: their names, open handles for reading, creation and removal.
 *
 * Reads are synchronous from the look-up of a record to its last byte, so no read is ever in progress
 * when a file is removed. At most a fixed number of files is open for reading at a time.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Disk, DiskFile } from "@gitstratum/core/disk";
import { type Catalogue, decodeCatalogue } from "./segment_catalogue.ts";
import type { SegmentHeader } from "./segment_format.ts";

const DIRECTORY = "segments";
const OPEN_FILES_MAX = 256;

/** What is known of a segment that may be read. */
export interface Segment {
  readonly header: SegmentHeader;
  /** Length of the file in bytes; of one that is written, as of its last append. */
  bytes: number;
  /** No more is written to it. */
  sealed: boolean;
  /** Records that were appended but are not in the index yet: until then it is not compacted. */
  unsettledCount: number;
  /** Bytes in it that were lost to damage. It is never compacted: something may still be saved. */
  damagedBytes: number;
}

/** The segment files below a disk's root. */
export class SegmentDirectory {
  readonly #disk: Disk;
  readonly #open = new Map<number, DiskFile>();

  /** The files of `disk`. */
  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * Makes the directory if it is not there, and makes durable what it shows: a file whose removal was
   * never synced must not come back once decisions were made without it.
   */
  async prepare(): Promise<void> {
    this.#disk.makeDirectory(DIRECTORY);
    await this.#disk.syncDirectory("");
    await this.syncNames();
  }

  /** The greatest number that any file bears; 0 when there is none. */
  lastNumber(): number {
    return this.#disk.list(DIRECTORY).reduce(
      (last, name) => Math.max(last, Number(/^[0-9]{10}(?=\.)/.exec(name)?.[0] ?? 0)),
      0,
    );
  }

  /** Numbers of the segments on disk, ascending. Removes leftovers of an interrupted write. */
  segments(): number[] {
    const numbers: number[] = [];
    const names = this.#disk.list(DIRECTORY);
    for (const name of names) {
      const match = /^([0-9]{10})\.(seg|idx|tmp)$/.exec(name);
      if (match?.[2] === "seg") numbers.push(Number(match[1]));
      const orphan = match?.[2] === "idx" && !names.includes(`${match[1]}.seg`);
      if (match?.[2] === "tmp" || orphan) this.#disk.remove(`${DIRECTORY}/${name}`);
    }
    return numbers;
  }

  /** Creates the file of a new segment, open for writing. */
  create(segment: number): DiskFile {
    return this.#disk.open(pathOf(segment, "seg"), { write: true, create: true, exclusive: true });
  }

  /** Removes the file of a segment in which nothing was ever committed. */
  discard(segment: number): void {
    this.#disk.remove(pathOf(segment, "seg"));
  }

  /** Opens the file of a segment for writing. */
  openForWriting(segment: number): DiskFile {
    return this.#disk.open(pathOf(segment, "seg"), { write: true });
  }

  /** The file of a segment, open for reading; to be used at once and not to be closed. */
  reader(segment: number): DiskFile {
    let file = this.#open.get(segment);
    if (file === undefined) {
      this.#closeOldest();
      file = this.#disk.open(pathOf(segment, "seg"));
    } else this.#open.delete(segment);
    this.#open.set(segment, file);
    return file;
  }

  #closeOldest(): void {
    if (this.#open.size < OPEN_FILES_MAX) return;
    const [segment, file] = this.#open.entries().next().value!;
    file.close();
    this.#open.delete(segment);
  }

  /** The catalogue of a segment; undefined when it has none that is intact. */
  readCatalogue(segment: number): Catalogue | undefined {
    const path = pathOf(segment, "idx");
    if (!this.#disk.exists(path)) return undefined;
    const file = this.#disk.open(path);
    try {
      const bytes = new Uint8Array(file.size());
      const catalogue = decodeCatalogue(bytes.subarray(0, file.readAt(bytes, 0)));
      return catalogue?.header.segment === segment ? catalogue : undefined;
    } finally {
      file.close();
    }
  }

  /** Replaces the catalogue of a segment; durable when it resolves. */
  async writeCatalogue(segment: number, bytes: Uint8Array): Promise<void> {
    const temporary = pathOf(segment, "tmp");
    const file = this.#disk.open(temporary, { write: true, create: true });
    try {
      file.truncate(0);
      file.writeAt(bytes, 0);
      await file.syncData();
    } finally {
      file.close();
    }
    this.#disk.rename(temporary, pathOf(segment, "idx"));
    await this.syncNames();
  }

  /** Resolves once the names of all files are on stable storage. */
  syncNames(): Promise<void> {
    return this.#disk.syncDirectory(DIRECTORY);
  }

  /** Removes a segment and its catalogue; durable when it resolves. */
  async remove(segment: number): Promise<void> {
    this.#open.get(segment)?.close();
    this.#open.delete(segment);
    this.#disk.remove(pathOf(segment, "seg"));
    this.#disk.remove(pathOf(segment, "idx"));
    await this.syncNames();
  }

  /** Puts a segment that can not be used out of the way, for people to look at. */
  async quarantine(segment: number): Promise<void> {
    this.#open.get(segment)?.close();
    this.#open.delete(segment);
    this.#disk.rename(pathOf(segment, "seg"), pathOf(segment, "bad"));
    await this.syncNames();
  }

  /** Closes all files. */
  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }
}

function pathOf(segment: number, suffix: "seg" | "idx" | "tmp" | "bad"): string {
  if (segment > 9_999_999_999) {
    throw new GitStratumError("exhausted", "Number a segment", { data: { segment } });
  }
  return `${DIRECTORY}/${segment.toString().padStart(10, "0")}.${suffix}`;
}

/** The refusal of a segment that a newer version has written. */
export function unknownVersion(segment: number, version: number): GitStratumError {
  return new GitStratumError("unsupported", "Read a segment of another version", {
    data: { segment, version },
  });
}
