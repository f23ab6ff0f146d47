/**
 * One file of the memory disk: what programs see, what is stable, and the changes in between.
 *
 * @module
 */

import { assert } from "../assert.ts";
import type { SeededRandom } from "../seeded_random.ts";

/** A disk writes whole sectors or nothing of them. */
const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly length: number };

/** Content of a file that is not yet all on stable storage. */
export class MemoryFile {
  readonly #seen = new Content();
  readonly #stable = new Content();
  #changes: Change[] = [];
  #syncedCount = 0;

  /** Length in bytes, as programs see it. */
  get bytes(): number {
    return this.#seen.length;
  }

  /** Number of changes made so far. */
  get changeCount(): number {
    return this.#syncedCount + this.#changes.length;
  }

  /** Reads what programs see; returns the number of bytes, short at the end of the file. */
  read(buffer: Uint8Array, offset: number): number {
    return this.#seen.read(buffer, offset);
  }

  /** Writes `bytes` at `offset`; not stable before a sync. */
  write(bytes: Uint8Array, offset: number): void {
    if (bytes.length === 0) return;
    this.#seen.write(bytes, offset);
    this.#changes.push({ kind: "write", offset, bytes: Uint8Array.from(bytes) });
  }

  /** Sets the length; not stable before a sync. */
  truncate(length: number): void {
    this.#seen.truncate(length);
    this.#changes.push({ kind: "truncate", length });
  }

  /** Makes the first `upTo` changes ever made stable. */
  sync(upTo: number): void {
    for (const change of this.#takeChanges(upTo)) this.#stable.apply(change);
  }

  /**
   * Forgets the first `upTo` changes ever made, as a failed sync does: programs still see them, but no
   * later sync makes them stable.
   */
  lose(upTo: number): void {
    this.#takeChanges(upTo);
  }

  #takeChanges(upTo: number): Change[] {
    const count = Math.max(0, upTo - this.#syncedCount);
    assert(count <= this.#changes.length, "A sync covers changes that were made");
    this.#syncedCount += count;
    return this.#changes.splice(0, count);
  }

  /** The file after a loss of power: what was stable, and any part of what was not. */
  crash(random: SeededRandom): MemoryFile {
    const content = this.#stable.copy();
    for (const change of this.#changes) {
      if (random.chance(0.4)) content.apply(change);
      else if (change.kind === "write" && random.chance(0.5)) tear(content, change, random);
    }
    return MemoryFile.#of(content);
  }

  /** The file with everything that programs see made stable. */
  copy(): MemoryFile {
    return MemoryFile.#of(this.#seen);
  }

  static #of(content: Content): MemoryFile {
    const file = new MemoryFile();
    const bytes = new Uint8Array(content.length);
    content.read(bytes, 0);
    file.write(bytes, 0);
    file.sync(file.changeCount);
    return file;
  }
}

/** Applies some of the sectors that a write touches. */
function tear(
  content: Content,
  change: Extract<Change, { readonly kind: "write" }>,
  random: SeededRandom,
): void {
  const end = change.offset + change.bytes.length;
  let position = change.offset;
  while (position < end) {
    const next = Math.min(end, (Math.floor(position / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (random.chance(0.5)) {
      const from = position - change.offset;
      content.write(change.bytes.subarray(from, next - change.offset), position);
    }
    position = next;
  }
}

class Content {
  #bytes = new Uint8Array(0);
  length = 0;

  read(buffer: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(buffer.length, this.length - offset));
    buffer.set(this.#bytes.subarray(offset, offset + count));
    return count;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#reserve(offset + bytes.length);
    this.#bytes.set(bytes, offset);
    this.length = Math.max(this.length, offset + bytes.length);
  }

  truncate(length: number): void {
    this.#reserve(length);
    if (length < this.length) this.#bytes.fill(0, length, this.length);
    this.length = length;
  }

  apply(change: Change): void {
    if (change.kind === "write") this.write(change.bytes, change.offset);
    else this.truncate(change.length);
  }

  copy(): Content {
    const copy = new Content();
    copy.write(this.#bytes.subarray(0, this.length), 0);
    return copy;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2, 4096));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
