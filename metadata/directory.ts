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
  hasCode,
  NAME_CLAIM_GRACE_MS,
  type Random,
  randomId,
} from "@gitstratum/core";
import { referenceNameProblem } from "@gitstratum/core/git";
import {
  type CreateRepositoryRequest,
  DEFAULT_REPOSITORY_SETTINGS,
  type NetworkId,
  newRepositoryId,
  type RepositoryInfo,
  type RepositoryKey,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { partitionOf } from "@gitstratum/core/ring";
import type { PartitionTable } from "./partition_table.ts";
import type { NameState, RepositoryState } from "./partition_view.ts";
import { livingRepository } from "./push_decision.ts";
import type { StateReader, UnfinishedDeletion } from "./state_reader.ts";

/** What a directory stands on. */
export interface DirectoryOptions {
  readonly partitions: PartitionTable;
  readonly reader: StateReader;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
}

/** Halves repaired in one go, of each kind. */
const REPAIR_COUNT = 256;

/** Repositories by name. */
export class Directory {
  readonly #options: DirectoryOptions;

  /** Makes a directory over the partitions. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /**
   * Creates a repository in a network of its own.
   *
   * @throws `already-exists` when the name is taken; `invalid` when the branch name is none
   */
  async create(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    const head = checkedHead(request.defaultBranch);
    const { clock, random } = this.#options;
    const info: RepositoryInfo = {
      repositoryId: newRepositoryId(random),
      networkId: randomId(random) as NetworkId,
      name: request.name,
      objectFormat: request.objectFormat,
      head,
      createdAtMs: clock.nowMs(),
      settings: DEFAULT_REPOSITORY_SETTINGS,
    };
    await this.#claim(info);
    await this.#createClaimed(info);
    await this.#confirm(info);
    return info;
  }

  /** Looks a name up; undefined when no living repository has it. */
  async find(name: RepositoryName): Promise<RepositoryInfo | undefined> {
    const { partitions, reader } = this.#options;
    await partitions.primary(partitionOf(name));
    const state = reader.name(name);
    if (state === undefined) return undefined;
    const repository = await this.#repositoryOf(state);
    return repository === undefined || repository.deleted ? undefined : infoOf(repository);
  }

  /** Living repositories in byte order of their names. */
  async list(after: string, limit: number): Promise<RepositoryInfo[]> {
    await this.#options.partitions.openAll();
    return this.#options.reader.repositoriesAfter(after, limit).map(infoOf);
  }

  /**
   * Deletes a repository and frees its name.
   *
   * @throws `not-found` when there is none
   */
  async delete(key: RepositoryKey): Promise<void> {
    const { partitions, reader, clock } = this.#options;
    const partition = partitionOf(key.networkId);
    await partitions.primary(partition);
    const { repositoryId, networkId, name } = livingRepository(reader, key);
    const deletion = { repositoryId, networkId, name };
    const atMs = clock.nowMs();
    await partitions.submit(partition, (view) => {
      const deleted = view.repository(repositoryId)?.deleted ?? true;
      const record = { kind: "repository-deleted", ...deletion, atMs } as const;
      return { records: deleted ? [] : [record], answer: undefined };
    });
    await this.#finishDeletion(deletion);
  }

  /**
   * Carries sagas to their end that a crash cut short.
   *
   * @returns how many were found
   */
  async repair(): Promise<number> {
    const { reader, clock } = this.#options;
    const deletions = reader.unfinishedDeletions(REPAIR_COUNT);
    for (const deletion of deletions) await this.#finishDeletion(deletion);
    const claims = reader.claimsBefore(clock.nowMs() - NAME_CLAIM_GRACE_MS, REPAIR_COUNT);
    for (const claim of claims) await this.#settle(claim);
    return deletions.length + claims.length;
  }

  async #claim(info: RepositoryInfo): Promise<void> {
    try {
      await this.#claimFree(info);
    } catch (error) {
      if (!hasCode(error, "already-exists")) throw error;
      const holder = this.#options.reader.name(info.name);
      if (holder === undefined || !await this.#isLeftover(holder)) throw error;
      await this.#settle(holder);
      await this.#claimFree(info);
    }
  }

  async #claimFree({ name, repositoryId, networkId, createdAtMs }: RepositoryInfo): Promise<void> {
    await this.#options.partitions.submit(partitionOf(name), (view) => {
      const holder = view.name(name);
      if (holder !== undefined && holder.repositoryId !== repositoryId) {
        throw new GitStratumError("already-exists", "Create a repository under a taken name", {
          data: { name },
        });
      }
      const record = {
        kind: "name-claimed",
        name,
        repositoryId,
        networkId,
        atMs: createdAtMs,
      } as const;
      return { records: holder === undefined ? [record] : [], answer: undefined };
    });
  }

  async #createClaimed(info: RepositoryInfo): Promise<void> {
    const { name, repositoryId, networkId, objectFormat, head, createdAtMs } = info;
    await this.#options.partitions.submit(partitionOf(networkId), (view) => {
      const known = view.repository(repositoryId);
      if (known?.deleted) {
        throw new GitStratumError(
          "unavailable",
          "Create a repository too slowly to keep its name",
          {
            data: { name },
          },
        );
      }
      const record = {
        kind: "repository-created",
        repositoryId,
        networkId,
        name,
        objectFormat,
        head,
        atMs: createdAtMs,
      } as const;
      return { records: known === undefined ? [record] : [], answer: undefined };
    });
  }

  async #confirm({ name, repositoryId }: Pick<NameState, "name" | "repositoryId">): Promise<void> {
    await this.#options.partitions.submit(partitionOf(name), (view) => {
      const state = view.name(name);
      const due = state?.repositoryId === repositoryId && !state.confirmed;
      const record = { kind: "name-confirmed", name, repositoryId } as const;
      return { records: due ? [record] : [], answer: undefined };
    });
  }

  async #finishDeletion({ name, repositoryId, networkId }: UnfinishedDeletion): Promise<void> {
    const { partitions } = this.#options;
    await partitions.submit(partitionOf(name), (view) => {
      const holds = view.name(name)?.repositoryId === repositoryId;
      const record = { kind: "name-released", name, repositoryId } as const;
      return { records: holds ? [record] : [], answer: undefined };
    });
    await partitions.submit(partitionOf(networkId), () => {
      return { records: [{ kind: "deletion-finished", repositoryId }], answer: undefined };
    });
  }

  /** Whether a name is held by nothing that lives or is being made. */
  async #isLeftover(holder: NameState): Promise<boolean> {
    const repository = await this.#repositoryOf(holder);
    if (repository !== undefined) return repository.deleted;
    return holder.atMs <= this.#options.clock.nowMs() - NAME_CLAIM_GRACE_MS;
  }

  /** Confirms a claim whose repository exists; else bars the repository and frees the name. */
  async #settle(claim: NameState): Promise<void> {
    const { partitions, clock } = this.#options;
    const { name, repositoryId, networkId } = claim;
    const atMs = clock.nowMs();
    const alive = await partitions.submit(partitionOf(networkId), (view) => {
      const known = view.repository(repositoryId);
      const bar = { kind: "repository-deleted", repositoryId, networkId, name, atMs } as const;
      return { records: known === undefined ? [bar] : [], answer: known?.deleted === false };
    });
    if (alive) await this.#confirm(claim);
    else await this.#finishDeletion(claim);
  }

  async #repositoryOf(state: NameState): Promise<RepositoryState | undefined> {
    await this.#options.partitions.primary(partitionOf(state.networkId));
    return this.#options.reader.repository(state.repositoryId);
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
