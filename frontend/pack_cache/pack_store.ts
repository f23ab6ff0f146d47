/**
 * Finished packs in files, ready to be sent: bounded by bytes and by time, least recently used first
 * out.
 *
 * Invariants: a file has its final name only when its trailer is known to be that of its bytes; what
 * is read from it later is compared with these, block by block. The bytes of all files, growing ones
 * included, never exceed the budget, nor what is left free beside them.
 * Evicting a file takes its name away, not its bytes from those who read it.
 *
 * Fault model: nothing in here is worth a sync. The directory is emptied at start, so no crash leaves
 * anything that is believed later. A full disk or a failing one makes packs unstored, never unserved.
 *
 * @module
 */

import { type Clock, hasCode, MIB } from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import { packBlockBytes } from "./pack_blocks.ts";
import { PackFile } from "./pack_file.ts";
import type { PackKey } from "./pack_key.ts";
import { type ExpectedPack, verifyPack } from "./pack_verifier.ts";

/** What a store works with. */
export interface PackStoreOptions {
  /** The store's own directory, emptied when it is made. */
  readonly disk: Disk;
  /** Bytes of all files; 0 stores nothing. */
  readonly bytesMax: number;
  /** A file that nobody asked for in so many milliseconds goes. */
  readonly ttlMs: number;
  /** For the age of files. */
  readonly clock: Clock;
  /** Bytes free on the file system. */
  freeBytes(): number;
  /** Told of what went wrong, though no client saw it. */
  onTrouble(error: unknown): void;
}

/** What is known of a finished pack beside its bytes. */
export interface PackFacts extends ExpectedPack {
  /** How long its execution took, in milliseconds. */
  readonly executionMs: number;
}

/** A pack found in the store. The finder releases the file. */
export interface StoredPack {
  /** What is known beside the bytes. */
  readonly facts: PackFacts;
  /** Open, and held once for the finder. */
  readonly file: PackFile;
}

interface Entry {
  readonly facts: PackFacts;
  readonly framedBytes: number;
  /** CRC-32 of each block. */
  readonly checks: readonly number[];
  usedAtMs: number;
}

/** Bytes that are written between two looks at what is left free: little beside what is left. */
const FREE_LOOK_BYTES = 16 * MIB;

/** A pack on its way into the store. */
export class GrowingPack {
  /** What is written so far; held once for the owner of this object. */
  readonly file: PackFile;
  readonly #store: PackStore;
  readonly #path: string;

  /** Made by {@link PackStore.begin}. */
  constructor(store: PackStore, path: string, file: PackFile) {
    this.#store = store;
    this.#path = path;
    this.file = file;
  }

  /** Adds a block; false when there is no room for it. The blocks before stay readable. */
  append(block: Uint8Array): boolean {
    return this.#store.grow(this.file, block);
  }

  /** Takes the name away. The file stays readable until it is released. */
  discard(): void {
    this.#store.forget(this.#path, this.file.framedBytes);
  }

  /**
   * Gives the file its final name; whether it is stored. To be called once. A pack whose trailer was
   * computed elsewhere is read back and hashed before. `isOwnTrailer`: see `OpenedPack`.
   */
  publish(key: PackKey, facts: PackFacts, isOwnTrailer: boolean): Promise<boolean> {
    const verify = isOwnTrailer ? () => Promise.resolve() : () => verifyPack(this.file, facts);
    return this.#store.publish(this.#path, { key, facts, file: this.file, verify });
  }
}

/** The stored packs. */
export class PackStore {
  readonly #options: PackStoreOptions;
  /** In order of use, oldest first. */
  readonly #entries = new Map<PackKey, Entry>();
  #bytes = 0;
  #begun = 0;
  /** What was free when somebody looked, less what was written since. */
  #freeBytes = 0;
  /** Bytes that may be written before somebody looks again. */
  #unlookedBytes = 0;

  /** Empties the directory. */
  constructor(options: PackStoreOptions) {
    this.#options = options;
    const { disk } = options;
    for (const name of disk.list("")) disk.remove(name);
  }

  /** Bytes of all files, growing ones included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of finished packs. */
  get count(): number {
    return this.#entries.size;
  }

  /** The pack of a key, which becomes the most recently used; undefined when there is none. */
  find(key: PackKey): StoredPack | undefined {
    this.#makeRoom(0);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const file = this.#open(key, entry);
    if (file === undefined) {
      this.#evict(key, entry);
      return undefined;
    }
    this.#entries.delete(key);
    entry.usedAtMs = this.#options.clock.monotonicMs();
    this.#entries.set(key, entry);
    return { facts: entry.facts, file };
  }

  /** Starts a file; undefined when nothing can be stored now. */
  begin(blockBytes: number): GrowingPack | undefined {
    if (this.#options.bytesMax === 0) return undefined;
    const path = `${this.#begun++}.part`;
    try {
      const file = this.#options.disk.open(path, { write: true, create: true });
      return new GrowingPack(this, path, new PackFile({ file, blockBytes, framedBytes: 0 }));
    } catch (error) {
      this.#options.onTrouble(error);
      return undefined;
    }
  }

  /** See {@link GrowingPack.append}. */
  grow(file: PackFile, block: Uint8Array): boolean {
    if (!this.#makeRoom(block.length)) return false;
    try {
      file.append(block);
      this.#bytes += block.length;
      this.#freeBytes -= block.length;
      this.#unlookedBytes -= block.length;
      return true;
    } catch (error) {
      if (!hasCode(error, "disk-full")) this.#options.onTrouble(error);
      return false;
    }
  }

  /** See {@link GrowingPack.discard}. */
  forget(path: string, framedBytes: number): void {
    this.#bytes -= framedBytes;
    this.#remove(path);
  }

  /** See {@link GrowingPack.publish}. */
  async publish(
    path: string,
    pack: {
      readonly key: PackKey;
      readonly facts: PackFacts;
      readonly file: PackFile;
      /** Throws when the file is not what it should be. */
      verify(): Promise<void>;
    },
  ): Promise<boolean> {
    const { key, facts, file } = pack;
    const { framedBytes } = file;
    file.hold();
    try {
      await pack.verify();
      const old = this.#entries.get(key);
      if (old !== undefined) this.#evict(key, old);
      this.#options.disk.rename(path, nameOf(key));
      const usedAtMs = this.#options.clock.monotonicMs();
      this.#entries.set(key, { facts, framedBytes, checks: file.checks, usedAtMs });
      return true;
    } catch (error) {
      this.#options.onTrouble(error);
      this.forget(path, framedBytes);
      return false;
    } finally {
      file.release();
    }
  }

  #open(key: PackKey, entry: Entry): PackFile | undefined {
    try {
      const file = this.#options.disk.open(nameOf(key));
      const { framedBytes, checks } = entry;
      if (file.size() === framedBytes) {
        const blockBytes = packBlockBytes(entry.facts.mode);
        const onDamaged = () => this.#dropDamaged(key, entry);
        return new PackFile({ file, blockBytes, framedBytes, checks, onDamaged });
      }
      file.close();
    } catch (error) {
      this.#options.onTrouble(error);
    }
    return undefined;
  }

  /** The next request is made anew. */
  #dropDamaged(key: PackKey, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#evict(key, entry);
  }

  /** Evicts what is too old, then the oldest until `bytes` more fit; whether they do. */
  #makeRoom(bytes: number): boolean {
    this.#lookForFreeBytes(bytes);
    const { bytesMax, ttlMs, clock } = this.#options;
    const diesBeforeMs = clock.monotonicMs() - ttlMs;
    const limit = Math.min(bytesMax, (this.#bytes + this.#freeBytes) / 2);
    for (const [key, entry] of this.#entries) {
      if (entry.usedAtMs >= diesBeforeMs && this.#bytes + bytes <= limit) break;
      this.#evict(key, entry);
    }
    return this.#bytes + bytes <= limit;
  }

  /** Others fill the file system too, but a look costs an eighth of what hashing a block does. */
  #lookForFreeBytes(bytes: number): void {
    if (bytes > 0 && bytes <= this.#unlookedBytes) return;
    this.#freeBytes = this.#options.freeBytes();
    this.#unlookedBytes = FREE_LOOK_BYTES;
  }

  #evict(key: PackKey, entry: Entry): void {
    this.#entries.delete(key);
    this.forget(nameOf(key), entry.framedBytes);
  }

  #remove(path: string): void {
    try {
      this.#options.disk.remove(path);
    } catch (error) {
      this.#options.onTrouble(error);
    }
  }
}

function nameOf(key: PackKey): string {
  return `${key}.pack`;
}
