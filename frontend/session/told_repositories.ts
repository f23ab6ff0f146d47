/**
 * Repositories as pushes were told of them: what a push begins with says what its second request would
 * look up.
 *
 * Nothing is refused by what is remembered, and whoever commits a push compares what it was judged by
 * with what the repository is (`PushRequest.judged`). So a memory that is out of date costs a look-up.
 *
 * @module
 */

import { type Clock, TOLD_REPOSITORY_COUNT_MAX, TOLD_REPOSITORY_MS_MAX } from "@gitstratum/core";
import {
  type JudgedRepository,
  type RepositoryInfo,
  type RepositoryName,
  repositoryVersion,
} from "@gitstratum/core/rpc";

/** A repository as it was told. */
export interface ToldRepository {
  readonly repository: RepositoryInfo;
  /** What a push that is judged by it says. */
  readonly judged: JudgedRepository;
}

interface Told extends ToldRepository {
  /** On the monotonic clock, in milliseconds. */
  readonly untilMs: number;
}

/** Repositories by the names that they were asked for; those told of longest ago go first. */
export class ToldRepositories {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** In the order in which they were told of. */
  readonly #told = new Map<RepositoryName, Told>();

  /** Remembers nothing yet. */
  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** What was told of a name a moment ago. */
  get(name: RepositoryName): ToldRepository | undefined {
    const told = this.#told.get(name);
    if (told === undefined || this.#clock.monotonicMs() < told.untilMs) return told;
    this.#told.delete(name);
    return undefined;
  }

  /** Takes note of what is told of a name. */
  note(name: RepositoryName, repository: RepositoryInfo): void {
    this.#told.delete(name);
    const judged = { name: repository.name, version: repositoryVersion(repository) };
    const untilMs = this.#clock.monotonicMs() + TOLD_REPOSITORY_MS_MAX;
    this.#told.set(name, { repository, judged, untilMs });
    if (this.#told.size <= TOLD_REPOSITORY_COUNT_MAX) return;
    this.#told.delete(this.#told.keys().next().value!);
  }

  /** Forgets a name that leads elsewhere by now, or to something else. */
  forget(name: RepositoryName): void {
    this.#told.delete(name);
  }
}
