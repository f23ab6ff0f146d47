/**
 * The directory of names, and the sagas that keep it in step with the repositories.
 *
 * A name lives in its own partition, its repository in the network's, and no append spans both. So a
 * creation claims the name, creates the repository, confirms the name; a deletion deletes the
 * repository, releases the name, notes that it is finished. Each step is one append and recognises
 * itself when repeated. A crash between two steps leaves a claim or an unfinished deletion, which
 * {@link Directory.repair} carries to its end. The repository id, drawn for each creation, tells one
 * holder of a name from the next.
 *
 * Invariant: a look-up answers a repository only while it lives, whatever the steps in between, since
 * it asks both partitions.
 *
 * @module
 */

import {
  type Clock,
  GitStratumError,
  NAME_CLAIM_GRACE_MS,
  type Random,
  randomId,
} from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import { referenceNameProblem } from "@gitstratum/core/git";
import {
  type CreateRepositoryRequest,
  DEFAULT_REPOSITORY_SETTINGS,
  type DeleteRepositoryRequest,
  type NetworkId,
  newRepositoryId,
  type RepositoryInfo,
  type RepositoryKey,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import type { DirectorySteps, NameClaim, NameHolder } from "./directory_steps.ts";
import type { NameState, RepositoryState } from "./partition_view.ts";
import { noRepository } from "./push_decision.ts";
import type { StateReader } from "./state_reader.ts";

/** What a directory stands on. */
export interface DirectoryOptions {
  /** Steps in all partitions, whoever serves them. */
  readonly steps: DirectorySteps;
  /** The state of this node, for {@link Directory.repair}. */
  readonly reader: StateReader;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
}

/** Halves repaired in one go, of each kind. */
const REPAIR_COUNT = 256;

/** Repositories by name. */
export class Directory {
  readonly #options: DirectoryOptions;

  /** Makes a directory over the steps of its sagas. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /**
   * Creates a repository in a network of its own. Called again with the same repository id, it finds
   * what it did before.
   *
   * @throws `already-exists` when the name is taken; `invalid` when the branch name is none
   */
  async create(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    const head = checkedHead(request.defaultBranch);
    const { steps, clock, random } = this.#options;
    const holder = await this.#claim({
      name: request.name,
      repositoryId: request.repositoryId ?? newRepositoryId(random),
      networkId: randomId(random) as NetworkId,
      atMs: clock.nowMs(),
    });
    const { name, repositoryId, networkId, atMs } = holder;
    const created = await steps.create({
      name,
      repositoryId,
      networkId,
      objectFormat: request.objectFormat,
      head,
      createdAtMs: atMs,
      settings: DEFAULT_REPOSITORY_SETTINGS,
      ...(request.provenance === undefined ? {} : { provenance: request.provenance }),
    });
    if (created.deleted) {
      throw new GitStratumError("unavailable", "Create a repository too slowly to keep its name", {
        data: { name },
      });
    }
    await steps.confirm(holder);
    return infoOf(created);
  }

  /** Looks a name up; undefined when no living repository has it. */
  async find(name: RepositoryName): Promise<RepositoryInfo | undefined> {
    const { steps } = this.#options;
    const holder = await steps.name(name);
    if (holder === undefined) return undefined;
    const repository = await steps.repository(holder);
    return repository === undefined || repository.deleted ? undefined : infoOf(repository);
  }

  /**
   * Deletes a repository and frees its name.
   *
   * @throws `not-found` when there is none
   */
  async delete(key: RepositoryKey, request: DeleteRepositoryRequest = {}): Promise<void> {
    const { steps } = this.#options;
    const known = await steps.repository(key);
    if (known === undefined || known.deleted) throw noRepository(key.repositoryId);
    const { provenance } = request;
    await this.#finishDeletion(
      await steps.delete(provenance === undefined ? key : { ...key, provenance }),
    );
  }

  /**
   * Carries sagas to their end that a crash cut short, as far as some partitions show.
   *
   * @returns how many were found
   */
  async repair(partitions: readonly Partition[]): Promise<number> {
    const { reader, clock } = this.#options;
    const deletions = reader.unfinishedDeletions(partitions, REPAIR_COUNT);
    for (const deletion of deletions) await this.#finishDeletion(deletion);
    const claimedBefore = clock.nowMs() - NAME_CLAIM_GRACE_MS;
    const claims = reader.claimsBefore(partitions, claimedBefore, REPAIR_COUNT);
    for (const claim of claims) await this.#settle(claim);
    return deletions.length + claims.length;
  }

  /** Takes a name, if need be from a holder that is none any more. */
  async #claim(claim: NameClaim): Promise<NameState> {
    const { steps } = this.#options;
    let holder = await steps.claim(claim);
    if (holder.repositoryId !== claim.repositoryId && await this.#isLeftover(holder)) {
      await this.#settle(holder);
      holder = await steps.claim(claim);
    }
    if (holder.repositoryId === claim.repositoryId) return holder;
    throw new GitStratumError("already-exists", "Create a repository under a taken name", {
      data: { name: claim.name },
    });
  }

  async #finishDeletion(deleted: NameHolder): Promise<void> {
    const { steps } = this.#options;
    await steps.release(deleted);
    await steps.finish(deleted);
  }

  /** Whether a name is held by nothing that lives or is being made. */
  async #isLeftover(holder: NameState): Promise<boolean> {
    const repository = await this.#options.steps.repository(holder);
    if (repository !== undefined) return repository.deleted;
    return holder.atMs <= this.#options.clock.nowMs() - NAME_CLAIM_GRACE_MS;
  }

  /** Confirms a claim whose repository exists; else bars the repository and frees the name. */
  async #settle(claim: NameState): Promise<void> {
    const { steps } = this.#options;
    if (await steps.bar(claim)) await steps.confirm(claim);
    else await this.#finishDeletion(claim);
  }
}

function checkedHead(defaultBranch: string): string {
  const reason = referenceNameProblem(defaultBranch, { allowOneLevel: true });
  if (reason === undefined) return `refs/heads/${defaultBranch}`;
  throw new GitStratumError("invalid", "Reject the name of the default branch", {
    data: { name: defaultBranch.slice(0, 250), reason },
  });
}

/** What a repository shows of itself. */
export function infoOf(state: RepositoryState): RepositoryInfo {
  const { repositoryId, networkId, name, objectFormat, head, createdAtMs, settings } = state;
  return { repositoryId, networkId, name, objectFormat, head, createdAtMs, settings };
}
