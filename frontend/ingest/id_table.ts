/**
 * All ids that a push mentions, each once: objects it brings, objects that those link to, and bases of
 * deltas. An id is a row; rows are never removed. They live in linear memory, where a tree's ids are
 * taken in without leaving it.
 *
 * Hashing is seeded per table: clients choose the ids in their trees freely, and must not be able to
 * choose them so that they collide here.
 *
 * @module
 */

import { INGEST_ID_COUNT_MAX } from "@gitstratum/core/limits";
import { MODE_FILE, MODE_SYMLINK, MODE_TREE, OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { KeyTable, SKIP_CLASS } from "@gitstratum/wasm";
import { badPack } from "./bad_pack.ts";
import type { IngestMemory, Region } from "./ingest_memory.ts";

/** Some object of the push links to the id as a commit, tree, blob or tag: 1 to 8 by type number. */
export const ID_IS_LINKED = 0x0f;
/** Some delta of the push has the id as its base. */
export const ID_IS_BASE = 0x10;
/** A reference of the push gets this value. */
export const ID_IS_TIP = 0x20;

/** The flag of a link that expects an object of a type. */
export function linkFlag(typeCode: number): number {
  return 1 << (typeCode - 1);
}

/** Ids for which room is made before they come: beyond, a table doubles as it fills. */
const EXPECTED_COUNT_MAX = 1 << 20;
/** The entry of an id that the push only mentions. */
const NOT_HELD = -1;
const { tree: TREE, blob: BLOB } = OBJECT_TYPE_CODES;

/** By the kind bits of a mode: the flag of its link. Other kinds are submodules. */
const FLAGS_OF_KIND = new Uint8Array(16).fill(SKIP_CLASS);
FLAGS_OF_KIND[MODE_TREE >> 12] = linkFlag(TREE);
FLAGS_OF_KIND[MODE_FILE >> 12] = linkFlag(BLOB);
FLAGS_OF_KIND[MODE_SYMLINK >> 12] = linkFlag(BLOB);
const LINK_OPTIONS = { flagsOfClass: FLAGS_OF_KIND, value: NOT_HELD };

/** Rows of ids. Any insertion may move the linear memory: views of it do not last. */
export class IdTable {
  /** Length of an id in bytes. */
  readonly width: number;

  readonly #memory: IngestMemory;
  readonly #keys: KeyTable;

  /** Makes an empty table for ids of `width` bytes; `seed` holds at least 8 random bytes. */
  constructor(
    memory: IngestMemory,
    options: { readonly width: number; readonly seed: Uint8Array },
  ) {
    const { width, seed } = options;
    this.width = width;
    this.#memory = memory;
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
    this.#keys = new KeyTable(memory.kernels, {
      keyBytes: width,
      seed: view.getBigUint64(0, true),
    });
  }

  /** Gives the memory back. */
  close(): void {
    this.#keys.close();
  }

  /** Makes room for `count` ids at once; for those who have a permit for so many. */
  expect(count: number): void {
    this.#keys.reserve(Math.min(count, EXPECTED_COUNT_MAX));
  }

  /** Rows in use. */
  get count(): number {
    return this.#keys.count;
  }

  /**
   * The row of the id at `pointer`, made when it is new.
   *
   * @throws `invalid` when the push mentions too many ids
   */
  insert(pointer: number): number {
    const row = this.#keys.insert(pointer, NOT_HELD);
    if (row >= INGEST_ID_COUNT_MAX) throw tooMany();
    return row;
  }

  /** The row of an id outside of linear memory, made when it is new. @throws `invalid` */
  insertBytes(id: Uint8Array): number {
    return this.insert(this.#bringIn(id));
  }

  /** The row of an id outside of linear memory, or -1. */
  findBytes(id: Uint8Array): number {
    return this.#keys.find(this.#bringIn(id));
  }

  /**
   * Notes what the tree at `pointer` links to.
   *
   * @throws `invalid` when it is malformed, or the push mentions too many ids
   */
  linkTree(pointer: number, bytes: number): void {
    const { status } = this.#keys.scanRecords(pointer, bytes, LINK_OPTIONS);
    if (status !== "ok") throw badPack("Reject a malformed tree");
    if (this.count > INGEST_ID_COUNT_MAX) throw tooMany();
  }

  /**
   * Notes what a tree links to other than `base`, a plain tree of which the links are noted, and tells
   * whether it is as plain; otherwise it has to be checked and linked as a whole.
   *
   * @throws `invalid` when the push mentions too many ids
   */
  linkTreeChanges(base: Region, tree: Region): boolean {
    const isPlain = this.#keys.scanTreeChanges(base, tree, LINK_OPTIONS);
    if (this.count > INGEST_ID_COUNT_MAX) throw tooMany();
    return isPlain;
  }

  /** The entry that holds the object, or -1. */
  entry(row: number): number {
    return this.#keys.value(row) | 0;
  }

  /** Notes the entry that holds the object. */
  setEntry(row: number, entry: number): void {
    this.#keys.setValue(row, entry);
  }

  /** The flags of an id: `ID_IS_…`. */
  flags(row: number): number {
    return this.#keys.flags(row);
  }

  /** Sets flags of an id. */
  addFlags(row: number, flags: number): void {
    this.#keys.addFlags(row, flags);
  }

  /**
   * The type that links expect of an object; 0 when nothing links to it.
   *
   * @throws `invalid` when they do not agree
   */
  expectedType(row: number): number {
    const links = this.flags(row) & ID_IS_LINKED;
    if ((links & (links - 1)) !== 0) throw wrongType(this.hex(row));
    return links === 0 ? 0 : 32 - Math.clz32(links);
  }

  /** The bytes of an id; they do not last. */
  id(row: number): Uint8Array<ArrayBuffer> {
    return this.#memory.view(this.#keys.keyPointer(row), this.width);
  }

  /** The bytes of the ids from row `start` to before row `end`, at least one; they do not last. */
  range(start: number, end: number): Uint8Array<ArrayBuffer> {
    return this.#memory.view(this.#keys.keyPointer(start), (end - start) * this.width);
  }

  /** An id in hexadecimal. */
  hex(row: number): string {
    return this.id(row).toHex();
  }

  #bringIn(id: Uint8Array): number {
    const { pointer } = this.#memory.idRoom;
    this.#memory.bytes.set(id, pointer);
    return pointer;
  }
}

/** Makes the error of a link whose target is of another type. */
export function wrongType(object: string): Error {
  return badPack("Reject a link to an object of another type", { object });
}

function tooMany(): Error {
  return badPack("Reject a pack that mentions too many objects", { max: INGEST_ID_COUNT_MAX });
}
