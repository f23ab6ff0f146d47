/**
 * The extents of an object node that lives in this very process: bytes that are read are the store's
 * own answer, all else goes through the node's service like in a cluster.
 *
 * The store verifies the checksums of what it reads. Between two parts of one process nothing can
 * change bytes on their way, so the checksums that a service and its client make for a network, two
 * passes over each byte, and the request around them are left out. Writes keep them, with the
 * service's bounds on bodies: a push costs far more than its way there.
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

/** An {@link ExtentStore} that reads past the service of another one. */
export class SameProcessExtents implements ExtentStore {
  readonly #store: Pick<ExtentStore, "read">;
  readonly #service: ExtentStore;

  /** Puts the two together: where to read, and the client of the service for everything else. */
  constructor(store: Pick<ExtentStore, "read">, service: ExtentStore) {
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
  write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    return this.#service.write(owner, extents);
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
