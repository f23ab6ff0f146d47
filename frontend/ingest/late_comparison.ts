/**
 * Compares what a push brought with what its network has, once it is known what that is.
 *
 * An object that comes again under the same id must be the same object. What the network has is found by
 * whoever commits the push, who has the index anyway; so a push whose objects are all new, which is the
 * rule, asks nothing. The hashes of a small pack are kept until then, its bytes are not.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { hashCollision } from "./bad_pack.ts";
import type { StoredDigest } from "./ingest_host.ts";
import type { StoredObjects } from "./stored_objects.ts";

/** Objects read from the network at a time. */
const BATCH_COUNT = 256;

/** The objects of one small push, to be compared with those of its network. */
export class LateComparison {
  readonly #stored: Pick<StoredObjects, "digests">;
  readonly #digests: ReadonlyMap<Oid, string>;

  /** Compares these with what is stored. */
  constructor(stored: Pick<StoredObjects, "digests">, digests: readonly StoredDigest[]) {
    this.#stored = stored;
    this.#digests = new Map(digests.map(({ oid, digest }) => [oid, digest]));
  }

  /** All that was pushed. */
  get oids(): readonly Oid[] {
    return [...this.#digests.keys()];
  }

  /**
   * Compares some of them; those that the network has not are passed over.
   *
   * @throws `invalid` when the network has another object under the id of one
   */
  async compare(oids: readonly Oid[]): Promise<void> {
    for (let start = 0; start < oids.length; start += BATCH_COUNT) {
      for await (const stored of this.#stored.digests(oids.slice(start, start + BATCH_COUNT))) {
        const digest = this.#digests.get(stored.oid);
        assert(digest !== undefined, "What is compared was pushed");
        if (digest !== stored.digest) throw hashCollision(stored.oid);
      }
    }
  }
}
