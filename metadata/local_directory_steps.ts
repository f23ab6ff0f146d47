/**
 * {@link DirectorySteps} in the partitions of this node.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
import type { RepositoryInfo, RepositoryKey, RepositoryName } from "@gitstratum/core/rpc";
import { DEFAULT_REPOSITORY_SETTINGS } from "@gitstratum/core/rpc";
import type { Attributed, DirectorySteps, NameClaim, NameHolder } from "./directory_steps.ts";
import type { PartitionTable } from "./partition_table.ts";
import type { NameState, RepositoryState } from "./partition_view.ts";
import { noRepository } from "./push_decision.ts";
import type { StateReader } from "./state_reader.ts";

/** What the steps stand on. */
export interface LocalDirectoryStepsOptions {
  readonly partitions: PartitionTable;
  readonly reader: StateReader;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Steps of which this node is the primary; others are `unavailable` here. */
export class LocalDirectorySteps implements DirectorySteps {
  readonly #options: LocalDirectoryStepsOptions;

  /** Makes the steps over a node's partitions. */
  constructor(options: LocalDirectoryStepsOptions) {
    this.#options = options;
  }

  /** {@inheritDoc DirectorySteps.name} */
  name(name: RepositoryName): Promise<NameState | undefined> {
    const { partitions, reader } = this.#options;
    return partitions.read(partitionOf(name), () => reader.name(name));
  }

  /** {@inheritDoc DirectorySteps.claim} */
  claim(claim: NameClaim): Promise<NameState> {
    const { name, repositoryId, networkId, atMs } = claim;
    return this.#options.partitions.submit(partitionOf(name), (view) => {
      const holder = view.name(name);
      if (holder !== undefined) return { records: [], answer: holder };
      const taken = { name, repositoryId, networkId, atMs };
      const record = { kind: "name-claimed", ...taken } as const;
      return { records: [record], answer: { ...taken, confirmed: false } };
    });
  }

  /** {@inheritDoc DirectorySteps.confirm} */
  async confirm({ name, repositoryId }: NameHolder): Promise<void> {
    await this.#options.partitions.submit(partitionOf(name), (view) => {
      const state = view.name(name);
      const due = state?.repositoryId === repositoryId && !state.confirmed;
      const record = { kind: "name-confirmed", name, repositoryId } as const;
      return { records: due ? [record] : [], answer: undefined };
    });
  }

  /** {@inheritDoc DirectorySteps.release} */
  async release({ name, repositoryId }: NameHolder): Promise<void> {
    await this.#options.partitions.submit(partitionOf(name), (view) => {
      const holds = view.name(name)?.repositoryId === repositoryId;
      const record = { kind: "name-released", name, repositoryId } as const;
      return { records: holds ? [record] : [], answer: undefined };
    });
  }

  /** {@inheritDoc DirectorySteps.repository} */
  repository({ networkId, repositoryId }: RepositoryKey): Promise<RepositoryState | undefined> {
    const { partitions, reader } = this.#options;
    return partitions.read(partitionOf(networkId), () => reader.repository(repositoryId));
  }

  /** {@inheritDoc DirectorySteps.create} */
  create(info: Attributed<RepositoryInfo>): Promise<RepositoryState> {
    const { name, repositoryId, networkId, objectFormat, head, createdAtMs, provenance } = info;
    const by = provenance === undefined ? {} : { provenance };
    return this.#options.partitions.submit(partitionOf(networkId), (view) => {
      const known = view.repository(repositoryId);
      if (known !== undefined) return { records: [], answer: known };
      const facts = { repositoryId, networkId, name, objectFormat, head };
      const record = { kind: "repository-created", ...facts, atMs: createdAtMs, ...by } as const;
      const answer: RepositoryState = {
        ...facts,
        createdAtMs,
        settings: DEFAULT_REPOSITORY_SETTINGS,
        refsVersion: 0,
        deleted: false,
      };
      return { records: [record], answer };
    });
  }

  /** {@inheritDoc DirectorySteps.delete} */
  delete(key: Attributed<RepositoryKey>): Promise<NameHolder> {
    const { repositoryId, networkId, provenance } = key;
    const by = provenance === undefined ? {} : { provenance };
    const { partitions, clock } = this.#options;
    const atMs = clock.nowMs();
    return partitions.submit(partitionOf(networkId), (view) => {
      const known = view.repository(repositoryId);
      if (known?.networkId !== networkId) throw noRepository(repositoryId);
      const holder = { repositoryId, networkId, name: known.name };
      const record = { kind: "repository-deleted", ...holder, atMs, ...by } as const;
      return { records: known.deleted ? [] : [record], answer: holder };
    });
  }

  /** {@inheritDoc DirectorySteps.bar} */
  bar({ name, repositoryId, networkId }: NameClaim): Promise<boolean> {
    const { partitions, clock } = this.#options;
    const atMs = clock.nowMs();
    return partitions.submit(partitionOf(networkId), (view) => {
      const known = view.repository(repositoryId);
      const bar = { kind: "repository-deleted", repositoryId, networkId, name, atMs } as const;
      return { records: known === undefined ? [bar] : [], answer: known?.deleted === false };
    });
  }

  /** {@inheritDoc DirectorySteps.finish} */
  async finish({ repositoryId, networkId }: RepositoryKey): Promise<void> {
    await this.#options.partitions.submit(partitionOf(networkId), () => {
      return { records: [{ kind: "deletion-finished", repositoryId }], answer: undefined };
    });
  }
}
