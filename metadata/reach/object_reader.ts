/**
 * Reads whole objects of a network: commits, trees and tags, and small blobs such as sparse patterns.
 *
 * Delta chains are rebuilt from cached blocks; decoded objects stay in a small cache, because the base
 * of one tree is the base of many. Reading is synchronous as long as everything is cached, which makes
 * a walk over neighbouring trees cheap; only a missing block makes it wait.
 *
 * Fault model: stored bytes were checked when they were pushed and by their checksums when they were
 * read. What still does not decode is `corrupt`.
 *
 * @module
 */

import { GitStratumError, HISTORY_OBJECT_BYTES_MAX } from "@gitstratum/core";
import { applyEntryDelta, inflateEntry, isDeltaCode } from "@gitstratum/core/pack";
import type { BlockCache } from "./block_cache.ts";
import type { ByteBoundedCache } from "./byte_bounded_cache.ts";
import type { NetworkIndex } from "./network_index.ts";

/** Decoded objects by object number, see {@link ObjectReader}. */
export type ObjectCache = ByteBoundedCache<number, Uint8Array>;

/** Positions of one network; object numbers of two networks never meet. */
const POSITIONS_PER_NETWORK = 2 ** 32;
/** What a cache entry costs besides its bytes. */
const ENTRY_OVERHEAD_BYTES = 128;

/** Reads the objects of one network. */
export class ObjectReader {
  readonly #network: NetworkIndex;
  readonly #blocks: BlockCache;
  readonly #objects: ObjectCache;
  readonly #firstNumber: number;

  /** Makes a reader; caches are shared by networks, told apart by `networkNumber`. */
  constructor(
    network: NetworkIndex,
    options: {
      readonly blocks: BlockCache;
      readonly objects: ObjectCache;
      readonly networkNumber: number;
    },
  ) {
    this.#network = network;
    this.#blocks = options.blocks;
    this.#objects = options.objects;
    this.#firstNumber = options.networkNumber * POSITIONS_PER_NETWORK;
  }

  /** The object's bytes if that needs no I/O; not to be changed. */
  readNow(position: number): Uint8Array | undefined {
    const entries: Uint8Array[] = [];
    const places: number[] = [];
    let at: number | undefined = position;
    let base: Uint8Array | undefined;
    while (at !== undefined) {
      base = this.#objects.get(this.#firstNumber + at);
      if (base !== undefined) break;
      const { group, range, next } = this.#entryAt(at);
      const entry = this.#blocks.peek(group, range);
      if (entry === undefined) return undefined;
      entries.push(entry);
      places.push(at);
      at = next;
    }
    return this.#decode(places, entries, base);
  }

  /**
   * The object's bytes; not to be changed.
   *
   * @throws `exhausted` when it is larger than `HISTORY_OBJECT_BYTES_MAX`
   * @throws `corrupt` when its entries do not decode
   */
  async read(position: number): Promise<Uint8Array> {
    const entries: Uint8Array[] = [];
    const places: number[] = [];
    let at: number | undefined = position;
    let base: Uint8Array | undefined;
    while (at !== undefined) {
      base = this.#objects.get(this.#firstNumber + at);
      if (base !== undefined) break;
      const { group, range, next } = this.#entryAt(at);
      entries.push(this.#blocks.peek(group, range) ?? await this.#blocks.read(group, range));
      places.push(at);
      at = next;
    }
    return this.#decode(places, entries, base);
  }

  #entryAt(position: number) {
    const group = this.#network.groupAt(position);
    const ordinal = position - group.start;
    const { index } = group;
    const size = index.sizeAt(ordinal);
    if (size > HISTORY_OBJECT_BYTES_MAX) {
      throw new GitStratumError("exhausted", "Refuse to read an object above its limit", {
        data: { oid: index.oidAt(ordinal), size, sizeMax: HISTORY_OBJECT_BYTES_MAX },
      });
    }
    const range = {
      part: index.partAt(ordinal),
      offset: index.offsetAt(ordinal),
      length: index.lengthAt(ordinal),
    };
    return { group, range, next: group.base(ordinal) };
  }

  /** Builds the first place from its entries, its root base last, and keeps all in between. */
  #decode(
    places: readonly number[],
    entries: readonly Uint8Array[],
    base: Uint8Array | undefined,
  ): Uint8Array {
    let object = base;
    for (let index = entries.length - 1; index >= 0; index--) {
      const position = places[index]!;
      object = this.#decodeOne(position, entries[index]!, object);
      const number = this.#firstNumber + position;
      this.#objects.set(number, object, object.length + ENTRY_OVERHEAD_BYTES);
    }
    if (object === undefined) throw this.#corrupt(places[0] ?? 0, "it has no entry");
    return object;
  }

  #decodeOne(position: number, bytes: Uint8Array, base: Uint8Array | undefined): Uint8Array {
    const options = { format: this.#network.format, sizeMax: HISTORY_OBJECT_BYTES_MAX };
    let object;
    try {
      const { typeCode, payload } = inflateEntry(bytes, options);
      if (isDeltaCode(typeCode) !== (base !== undefined)) {
        throw this.#corrupt(position, "its entry and its index disagree");
      }
      object = base === undefined ? payload : applyEntryDelta(base, payload, options);
    } catch (cause) {
      throw this.#corrupt(position, "its entry does not decode", cause);
    }
    const group = this.#network.groupAt(position);
    if (object.length !== group.index.sizeAt(position - group.start)) {
      throw this.#corrupt(position, "its size is wrong");
    }
    return object;
  }

  #corrupt(position: number, reason: string, cause?: unknown): GitStratumError {
    return new GitStratumError("corrupt", "Fail to read a stored object", {
      data: { oid: this.#network.oidAt(position), reason },
      cause,
    });
  }
}
