/**
 * Extents of one node that stands alone: a segment store as an {@link ExtentStore}.
 *
 * Keys and owners are those that a replica of the ring uses too, so that a node which stood alone can
 * join a ring with what it has.
 *
 * @module
 */

import type {
  ExtentId,
  ExtentInfo,
  ExtentStore,
  ExtentWrite,
  NetworkId,
} from "@gitstratum/core/rpc";
import type { SegmentStore, StoredInfo } from "./segment_store.ts";

/** Extent ids begin with a hexadecimal digit: all their keys lie below this one. */
export const AFTER_EXTENT_KEYS = "g";

/** An {@link ExtentStore} with one copy of everything. */
export class SegmentExtents implements ExtentStore {
  readonly #store: SegmentStore;

  /** Takes over an open store; it stays its owner's to close. */
  constructor(store: SegmentStore) {
    this.#store = store;
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    await this.#store.put(extents.map(({ id, bytes }) => ({ key: id, owner, bytes })));
  }

  /** {@inheritDoc ExtentStore.read} */
  // deno-lint-ignore require-await -- failures must be rejections
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#store.read(id, range);
  }

  /** {@inheritDoc ExtentStore.stat} */
  stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    const info = this.#store.stat(id);
    return Promise.resolve(info === undefined ? undefined : extentInfo(info));
  }

  /** {@inheritDoc ExtentStore.remove} */
  remove(ids: readonly ExtentId[]): Promise<void> {
    return this.#store.remove(ids);
  }

  /** {@inheritDoc ExtentStore.list} */
  list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<ExtentInfo[]> {
    const found = this.#store.list(options).filter(({ key }) => key < AFTER_EXTENT_KEYS);
    return Promise.resolve(found.map(extentInfo));
  }
}

function extentInfo({ key, owner, bytes, writtenAtMs }: StoredInfo): ExtentInfo {
  return { id: key as ExtentId, owner: owner as NetworkId, bytes, writtenAtMs };
}
