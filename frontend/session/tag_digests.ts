/**
 * Digests of the tags that clients of a repository can see, for requests that let tags follow.
 *
 * Many clones come at the same moment. Each needs the tags as they were after it had come, so requests
 * that come while one is asked for share the one after it; at most one runs and one waits for each
 * repository.
 *
 * @module
 */

import type { Metadata, RepositoryId, RepositoryInfo } from "@gitstratum/core/rpc";

/** The questions about one repository. */
interface Questions {
  readonly running: Promise<string>;
  /** Begins when the running one has ended. */
  waiting?: Promise<string>;
}

/** Asks for digests, once for all who want one together. */
export class TagDigests {
  readonly #metadata: Pick<Metadata, "tagDigest">;
  readonly #questions = new Map<RepositoryId, Questions>();

  /** Asks the given metadata. */
  constructor(metadata: Pick<Metadata, "tagDigest">) {
    this.#metadata = metadata;
  }

  /**
   * The digest at some moment after this call.
   *
   * @throws what `Metadata.tagDigest` throws
   */
  of(repository: RepositoryInfo): Promise<string> {
    const questions = this.#questions.get(repository.repositoryId);
    if (questions === undefined) return this.#start(repository);
    const start = () => this.#start(repository);
    return questions.waiting ??= questions.running.then(start, start);
  }

  #start(repository: RepositoryInfo): Promise<string> {
    const { repositoryId } = repository;
    const running = this.#metadata.tagDigest(repository);
    const questions: Questions = { running };
    this.#questions.set(repositoryId, questions);
    const end = () => {
      const isLast = questions.waiting === undefined;
      if (isLast) this.#questions.delete(repositoryId);
    };
    running.then(end, end);
    return running;
  }
}
