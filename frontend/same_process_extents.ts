/**
 * The extents of an object node that lives in this very process: bytes go to the store and come from it
 * directly, all else goes through the node's service like in a cluster.
 *
 * The store makes checksums of what it writes and verifies those of what it reads. Between two parts of
 * one process nothing can change bytes on their way, so the checksums that a service and its client make
 * for a network, two passes over each byte, and the request around them are left out. The service's
 * bound on bodies goes with them: it is for copies that are read from a request, and none is made here.
 *
 * @module
 */

import {
  type ExtentId,
  type ExtentInfo,
  type ExtentStore,
  type ExtentWrite,
  type NetworkId,
  requireExtentSizes,
} from "@gitstratum/core/rpc";

/** An {@link ExtentStore} that writes and reads past the service of another one. */
export class SameProcessExtents implements ExtentStore {
  readonly #store: Pick<ExtentStore, "write" | "read">;
  readonly #service: ExtentStore;

  /** Puts the two together: where bytes are, and the client of the service for everything else. */
  constructor(store: Pick<ExtentStore, "write" | "read">, service: ExtentStore) {
    this.#store = store;
    this.#service = service;
  }

  /** {@inheritDoc ExtentStore.read} */
  read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#store.read(id, range);
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    requireExtentSizes(extents);
    await this.#store.write(owner, extents);
  }

  /** {@inheritDoc ExtentStore.stat} */
  stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    return this.#service.stat(id);
  }

  /** {@inheritDoc ExtentStore.remove} */
  remove(ids: readonly ExtentId[]): Promise<void> {
    return this.#service.remove(ids);
  }

  /** {@inheritDoc ExtentStore.list} */
  list(options: { readonly after?: ExtentId; readonly limit: number }): Promise<ExtentInfo[]> {
    return this.#service.list(options);
  }
}
