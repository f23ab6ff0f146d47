/**
 * The object cluster as one {@link ExtentStore}: each call goes to an owner of the extent, which
 * coordinates the others, and to the next one when that does not answer (see {@link ObjectRouter}).
 * Small extents that are written together go together, to an owner of the largest of them: whoever
 * coordinates need not own what it passes on.
 *
 * Every call may be made several times: extents are immutable, so to write or remove one again changes
 * nothing.
 *
 * @module
 */

import { GitStratumError, hasCode } from "../../error.ts";
import { EXTENT_REMOVE_COUNT_MAX } from "../../limits.ts";
import { extentBatches, runBatches } from "./extent_batches.ts";
import type { ExtentInfo, ExtentStore, ExtentWrite } from "./extent_store.ts";
import type { ExtentId, NetworkId } from "../ids.ts";
import { ObjectRouter, type ObjectRouterOptions } from "./object_router.ts";

/** A read of an extent from a node that is well takes some milliseconds. */
const READ_LATE_MS = 400;
/** A node waits a second for the others itself before it lets substitutes keep their copies. */
const WRITE_LATE_MS = 5000;
/** A listing asks all nodes. */
const LIST_LATE_MS = 5000;

/** {@link ExtentStore} over all nodes of the ring. */
export class RoutedExtentStore implements ExtentStore {
  readonly #router: ObjectRouter;

  /** Makes a store of the cluster that a topology describes; nothing is sent yet. */
  constructor(options: ObjectRouterOptions) {
    this.#router = new ObjectRouter(options);
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    const calls = extentBatches(extents).map((batch) => () =>
      this.#router.call({
        key: largest(batch).id,
        lateMs: WRITE_LATE_MS,
        run: (client) => client.write(owner, batch),
      })
    );
    await runBatches(calls);
  }

  /** {@inheritDoc ExtentStore.read} */
  read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#router.call({
      key: id,
      lateMs: READ_LATE_MS,
      run: (client) => client.read(id, range),
    });
  }

  /** {@inheritDoc ExtentStore.stat} */
  async stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    try {
      return await this.#router.call({
        key: id,
        lateMs: READ_LATE_MS,
        run: async (client) => {
          const info = await client.stat(id);
          if (info !== undefined) return info;
          throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
        },
      });
    } catch (error) {
      if (hasCode(error, "not-found")) return undefined;
      throw error;
    }
  }

  /** {@inheritDoc ExtentStore.remove} */
  async remove(ids: readonly ExtentId[]): Promise<void> {
    for (let from = 0; from < ids.length; from += EXTENT_REMOVE_COUNT_MAX) {
      const part = ids.slice(from, from + EXTENT_REMOVE_COUNT_MAX);
      await this.#router.call({
        key: part[0]!,
        lateMs: WRITE_LATE_MS,
        run: (client) => client.remove(part),
      });
    }
  }

  /** {@inheritDoc ExtentStore.list} */
  list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<ExtentInfo[]> {
    return this.#router.call({
      key: options.after ?? "",
      lateMs: LIST_LATE_MS,
      run: (client) => client.list(options),
    });
  }
}

/** The extent whose owners should get the batch: its bytes are passed on to the fewest nodes there. */
function largest(batch: readonly ExtentWrite[]): ExtentWrite {
  return batch.reduce((most, extent) => extent.bytes.length > most.bytes.length ? extent : most);
}
