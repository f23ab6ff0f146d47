/**
 * Digests of the tags that clients of a repository can see, for requests that let tags follow.
 *
 * Many clones come at the same moment. Each needs the tags as they were after it had come, so requests
 * that come while a listing runs share the one after it; at most one runs and one waits for each
 * repository.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Metadata, RepositoryId, RepositoryInfo } from "@gitstratum/core/rpc";

/** The listings of one repository. */
interface Listings {
  readonly running: Promise<string>;
  /** Begins when the running one has ended. */
  waiting?: Promise<string>;
}

/** Lists tags, once for all who ask together. */
export class TagDigests {
  readonly #metadata: Pick<Metadata, "listReferences">;
  readonly #listings = new Map<RepositoryId, Listings>();

  /** Makes digests of what the metadata lists. */
  constructor(metadata: Pick<Metadata, "listReferences">) {
    this.#metadata = metadata;
  }

  /**
   * The digest at some moment after this call.
   *
   * @throws what listing references throws
   */
  of(repository: RepositoryInfo): Promise<string> {
    const listings = this.#listings.get(repository.repositoryId);
    if (listings === undefined) return this.#start(repository);
    const start = () => this.#start(repository);
    return listings.waiting ??= listings.running.then(start, start);
  }

  #start(repository: RepositoryInfo): Promise<string> {
    const { repositoryId } = repository;
    const running = this.#list(repository);
    const listings: Listings = { running };
    this.#listings.set(repositoryId, listings);
    const end = () => {
      const isLast = listings.waiting === undefined;
      if (isLast) this.#listings.delete(repositoryId);
    };
    running.then(end, end);
    return running;
  }

  async #list(repository: RepositoryInfo): Promise<string> {
    const query = { prefixes: ["refs/tags/"] };
    const { references } = await this.#metadata.listReferences(repository, query);
    const hash = createHash("sha256");
    for await (const batch of references) {
      for (const { name, oid } of batch) hash.update(`${oid} ${name}\n`);
    }
    return hash.digest("hex");
  }
}
