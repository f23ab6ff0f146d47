/**
 * Where names led when they were looked up last: a hint that spares a question, never an answer.
 *
 * @module
 */

import { KNOWN_NAME_COUNT_MAX } from "../../limits.ts";
import type { RepositoryKey } from "../repository/repository.ts";
import type { RepositoryName } from "../repository/repository_name.ts";

/** Names and the repositories that they led to; those used longest ago go first. */
export class KnownNames {
  /** In order of use, oldest first. */
  readonly #keys = new Map<RepositoryName, RepositoryKey>();

  /** The repository that a name led to. */
  get(name: RepositoryName): RepositoryKey | undefined {
    return this.#keys.get(name);
  }

  /** Takes note of what a look-up found. */
  note(name: RepositoryName, found: RepositoryKey | undefined): void {
    this.#keys.delete(name);
    if (found === undefined) return;
    const { networkId, repositoryId } = found;
    this.#keys.set(name, { networkId, repositoryId });
    if (this.#keys.size <= KNOWN_NAME_COUNT_MAX) return;
    this.#keys.delete(this.#keys.keys().next().value!);
  }
}
