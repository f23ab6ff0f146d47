/**
 * Blocks of stored packs, shared by all networks of a node.
 *
 * History packs are read in blocks much larger than an entry, because neighbours in a pack are needed
 * together and a request costs more than its bytes. A block that is being read is read once, however
 * many wait for it.
 *
 * @module
 */

import { assert, KIB } from "@gitstratum/core";
import { type ExtentStore, packId, packRanges, partBytes } from "@gitstratum/core/rpc";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import type { EntryPart, StoredGroup } from "./stored_group.ts";

/** Bytes of a block. */
const BLOCK_BYTES = 256 * KIB;
/** Blocks of one part: 16 GiB of it. */
const BLOCKS_PER_PART = 1 << 16;

/** A run of bytes of a stored part. */
export interface PartRange {
  readonly part: EntryPart;
  readonly offset: number;
  readonly length: number;
}

/** Reads stored parts through a byte-bounded cache. */
export class BlockCache {
  readonly #extents: Pick<ExtentStore, "read">;
  readonly #blocks: ByteBoundedCache<number, Uint8Array>;
  readonly #reading = new Map<number, Promise<Uint8Array>>();
  readonly #numbers = new WeakMap<StoredGroup, number>();
  #groupCount = 0;

  /** Makes an empty cache of `bytesMax` bytes. */
  constructor(extents: Pick<ExtentStore, "read">, bytesMax: number) {
    this.#extents = extents;
    this.#blocks = new ByteBoundedCache(bytesMax);
  }

  /** The bytes, if every block of them is cached. */
  peek(group: StoredGroup, range: PartRange): Uint8Array | undefined {
    const first = Math.floor(range.offset / BLOCK_BYTES);
    const last = Math.floor((range.offset + range.length - 1) / BLOCK_BYTES);
    const blocks: Uint8Array[] = [];
    for (let block = first; block <= last; block++) {
      const bytes = this.#blocks.get(this.#key(group, range.part, block));
      if (bytes === undefined) return undefined;
      blocks.push(bytes);
    }
    return cut(blocks, range.offset - first * BLOCK_BYTES, range.length);
  }

  /** The bytes. @throws as `ExtentStore.read` */
  async read(group: StoredGroup, range: PartRange): Promise<Uint8Array> {
    const first = Math.floor(range.offset / BLOCK_BYTES);
    const last = Math.floor((range.offset + range.length - 1) / BLOCK_BYTES);
    const blocks: Uint8Array[] = [];
    for (let block = first; block <= last; block++) {
      blocks.push(await this.#block(group, range.part, block));
    }
    return cut(blocks, range.offset - first * BLOCK_BYTES, range.length);
  }

  #block(group: StoredGroup, part: EntryPart, block: number): Promise<Uint8Array> {
    const key = this.#key(group, part, block);
    const cached = this.#blocks.get(key);
    if (cached !== undefined) return Promise.resolve(cached);
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = this.#load(group, part, block)
      .then((bytes) => {
        this.#blocks.set(key, bytes, bytes.length);
        return bytes;
      })
      .finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  async #load(group: StoredGroup, part: EntryPart, block: number): Promise<Uint8Array> {
    const offset = block * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, partBytes(group.group, part) - offset);
    const { extentBytes, groupId } = group.group;
    const ranges = [...packRanges(packId(groupId, part), { offset, length, extentBytes })];
    const pieces = await Promise.all(
      ranges.map(({ id, ...range }) => this.#extents.read(id, range)),
    );
    return cut(pieces, 0, length);
  }

  #key(group: StoredGroup, part: EntryPart, block: number): number {
    assert(block < BLOCKS_PER_PART, "A part has no more blocks than keys");
    let number = this.#numbers.get(group);
    if (number === undefined) this.#numbers.set(group, number = this.#groupCount++);
    return (number * 2 + (part === "h" ? 0 : 1)) * BLOCKS_PER_PART + block;
  }
}

/** `length` bytes at `offset` of the pieces put together; a view where one piece has them all. */
function cut(pieces: readonly Uint8Array[], offset: number, length: number): Uint8Array {
  const only = pieces[0];
  if (pieces.length === 1 && only !== undefined) return only.subarray(offset, offset + length);
  const bytes = new Uint8Array(length);
  let at = -offset;
  for (const piece of pieces) {
    const from = Math.max(0, -at);
    const part = piece.subarray(from, from + length - Math.max(0, at));
    bytes.set(part, Math.max(0, at));
    at += piece.length;
  }
  return bytes;
}
