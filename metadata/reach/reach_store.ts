/**
 * The closures of repositories' references that a node holds in memory.
 *
 * A closure follows its repository's versions: new tips extend it, a version whose difference is not
 * known makes it anew. Work on one closure is done in turn, because it grows while it answers;
 * different ones do not wait for each other.
 *
 * @module
 */

import type { RepositoryRefsView } from "../state/pack_catalogue.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import type { OpenNetwork } from "./network_store.ts";
import { RepositoryReach } from "./repository_reach.ts";
import type { Slices } from "./slices.ts";

interface ReachEntry {
  readonly open: OpenNetwork;
  readonly reach: RepositoryReach;
  version: number;
}

/** Keeps closures up to date. */
export class ReachStore {
  readonly #bytesMax: number;
  readonly #entries: ByteBoundedCache<string, ReachEntry>;
  /** The last work on each closure that has some under way. */
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Makes a store that keeps about `bytesMax` bytes of closures, and always the newest one. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#entries = new ByteBoundedCache(bytesMax);
  }

  /**
   * Runs `work` with a closure that covers at least the tips of `refs`, and with the network that it is
   * over. `open` answers the network with at least the groups of the moment at which it is called.
   */
  async use<T>(
    refs: RepositoryRefsView,
    options: { readonly open: () => Promise<OpenNetwork>; readonly slices: Slices },
    work: (reach: RepositoryReach, open: OpenNetwork) => T | Promise<T>,
  ): Promise<T> {
    const previous = this.#tails.get(refs.closureKey) ?? Promise.resolve();
    const run = previous.then(async () => {
      const entry = await this.#current(refs, options);
      return await work(entry.reach, entry.open);
    });
    const tail = run.catch(() => undefined);
    this.#tails.set(refs.closureKey, tail);
    try {
      return await run;
    } finally {
      if (this.#tails.get(refs.closureKey) === tail) this.#tails.delete(refs.closureKey);
    }
  }

  async #current(
    refs: RepositoryRefsView,
    options: { readonly open: () => Promise<OpenNetwork>; readonly slices: Slices },
  ): Promise<ReachEntry> {
    const key = refs.closureKey;
    for (let open = await options.open();;) {
      const known = this.#entries.get(key);
      const isSame = known !== undefined && known.open.network === open.network;
      if (isSame && known.version >= refs.version) return known;
      const added = isSame ? refs.tipsSince(known.version) : undefined;
      const tips = [...(added ?? refs.tips())];
      // What was pushed since the network was opened may be among the tips, and its group is not there.
      const grown = await options.open();
      if (grown.network !== open.network) {
        open = grown;
        continue;
      }
      const entry = isSame && added !== undefined
        ? known
        : { open, reach: new RepositoryReach(open.network, open.reader), version: refs.version };
      // Forgotten while it changes: a failure must not leave half a closure behind.
      this.#entries.delete(key);
      await entry.reach.extend(tips, options.slices);
      entry.version = refs.version;
      this.#entries.set(key, entry, Math.min(entry.reach.bytes, this.#bytesMax));
      return entry;
    }
  }
}
