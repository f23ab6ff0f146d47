/**
 * Looks repositories up for askers: nobody gets to know of one that they may not read.
 *
 * A look-up that finds something takes another time than one that does not. So what is hidden is
 * answered at the next multiple of a grain of time after the question, whether it is there or not.
 *
 * @module
 */

import { assert, type Clock, GitStratumError, HIDDEN_ANSWER_GRAIN_MS } from "@gitstratum/core";
import type { RepositoryOperation } from "@gitstratum/core/access";
import type { Metadata, RepositoryInfo, RepositoryName } from "@gitstratum/core/rpc";
import { type AccessGate, creationAt } from "./access_gate.ts";
import type { Asker } from "./asker.ts";

/** What the gate stands on. */
export interface RepositoryGateOptions {
  readonly metadata: Pick<Metadata, "findRepository">;
  readonly gate: AccessGate;
  readonly clock: Pick<Clock, "monotonicMs" | "sleep">;
}

/** What somebody wants with a repository. */
export interface RepositoryQuestion {
  readonly asker: Asker;
  readonly operation: RepositoryOperation;
  /** Gives a wait up. */
  readonly signal?: AbortSignal;
}

/** Looks repositories up. */
export class RepositoryGate {
  readonly #options: RepositoryGateOptions;

  /** Makes a gate. */
  constructor(options: RepositoryGateOptions) {
    this.#options = options;
  }

  /**
   * A repository with which somebody may do something.
   *
   * @throws `unauthenticated`, `not-found`, `denied`: see {@link AccessGate.check}
   */
  find(name: RepositoryName, question: RepositoryQuestion): Promise<RepositoryInfo> {
    return this.findBy((name) => this.#options.metadata.findRepository(name), name, question);
  }

  /**
   * What `lookUp` finds under a name if somebody may push to it, or undefined for a free name at which
   * they may create a repository.
   *
   * @throws as {@link find}
   */
  findOrFreeBy<Found extends RepositoryInfo>(
    lookUp: (name: RepositoryName) => Promise<Found | undefined>,
    name: RepositoryName,
    question: Omit<RepositoryQuestion, "operation">,
  ): Promise<Found | undefined> {
    const { gate } = this.#options;
    const principal = question.asker.principal();
    return this.#lookUp(name, { ...question, operation: "write" }, {
      lookUp,
      whenAbsent: () => gate.decide(principal, creationAt(name)).allowed ? "free" : undefined,
    });
  }

  /**
   * What `lookUp` finds under a name, if somebody may do something with it.
   *
   * @throws as {@link find}
   */
  async findBy<Found extends RepositoryInfo>(
    lookUp: (name: RepositoryName) => Promise<Found | undefined>,
    name: RepositoryName,
    question: RepositoryQuestion,
  ): Promise<Found> {
    const found = await this.#lookUp(name, question, { lookUp, whenAbsent: () => undefined });
    assert(found !== undefined, "Nobody is let through to a repository that is not there");
    return found;
  }

  async #lookUp<Found extends RepositoryInfo>(
    name: RepositoryName,
    question: RepositoryQuestion,
    parts: {
      readonly lookUp: (name: RepositoryName) => Promise<Found | undefined>;
      readonly whenAbsent: () => "free" | undefined;
    },
  ): Promise<Found | undefined> {
    const { gate, clock } = this.#options;
    const { asker, operation, signal } = question;
    const sinceMs = clock.monotonicMs();
    const repository = await parts.lookUp(name);
    if (repository === undefined && parts.whenAbsent() === "free") return undefined;
    const principal = asker.principal();
    try {
      gate.check(principal, { on: "repository", operation, repository }, { name });
      return repository;
    } catch (error) {
      // On a server without accounts nothing is hidden.
      if (principal.kind !== "unguarded" && tellsNothing(error)) {
        const tookMs = clock.monotonicMs() - sinceMs;
        await clock.sleep(HIDDEN_ANSWER_GRAIN_MS - tookMs % HIDDEN_ANSWER_GRAIN_MS, signal);
      }
      throw error;
    }
  }
}

function tellsNothing(error: unknown): boolean {
  return error instanceof GitStratumError &&
    (error.code === "not-found" || error.code === "unauthenticated");
}
