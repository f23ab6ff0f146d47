/**
 * Objects that came as deltas and are stored whole, because their chains were too deep: their encoded
 * entries, in a scratch file that exists only while there are any.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import type { DiskFile } from "@gitstratum/core/disk";
import { FloatList, NumberList } from "./number_list.ts";

/** Encoded entries by the number of the pack's entry. */
export class CutEntries {
  readonly #openScratch: () => DiskFile;
  #file: DiskFile | undefined;
  readonly #entries = new NumberList();
  /** Where each entry ends in the file. */
  readonly #ends = new FloatList();
  #rows: Map<number, number> | undefined;
  #bytes = 0;

  /** Makes an empty set; `openScratch` opens a file that nobody else knows. */
  constructor(openScratch: () => DiskFile) {
    this.#openScratch = openScratch;
  }

  /** Bytes of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the encoded entry of an object. */
  add(entry: number, encoded: Uint8Array): void {
    this.#file ??= this.#openScratch();
    this.#file.writeAt(encoded, this.#bytes);
    this.#bytes += encoded.length;
    this.#entries.push(entry);
    this.#ends.push(this.#bytes);
    this.#rows = undefined;
  }

  /** The encoded entry of an object. */
  read(entry: number): Uint8Array<ArrayBuffer> {
    this.#rows ??= new Map(Array.from(this.#entries.items, (cut, row) => [cut, row]));
    const row = this.#rows.get(entry);
    assert(row !== undefined && this.#file !== undefined, "Only what was added is read");
    const start = row === 0 ? 0 : this.#ends.at(row - 1);
    const encoded = new Uint8Array(this.#ends.at(row) - start);
    const count = this.#file.readAt(encoded, start);
    assert(count === encoded.length, "A scratch file holds what was written");
    return encoded;
  }

  /** Releases the file. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}
