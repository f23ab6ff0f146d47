/**
 * {@link DirectorySteps} in all partitions of the cluster: a step goes to its partition's primary, be
 * it this node or another.
 *
 * @module
 */

import type { Partition } from "@gitstratum/core/consensus";
import type {
  NodeId,
  PartitionRouter,
  RepositoryInfo,
  RepositoryKey,
  RepositoryName,
} from "@gitstratum/core/rpc";
import { partitionOf } from "@gitstratum/core/ring";
import type {
  Attributed,
  DirectorySteps,
  NameClaim,
  NameDebt,
  NameEntry,
  NewName,
  Removal,
} from "./directory_steps.ts";
import { DirectoryStepsClient } from "./directory_steps_client.ts";
import type { NameState, RepositoryState } from "../partition/partition_view.ts";

/** What routing needs. */
export interface RoutedDirectoryStepsOptions {
  /** The steps of this node. */
  readonly local: DirectorySteps;
  /** This node. */
  readonly nodeId: NodeId;
  /** Finds the others. */
  readonly router: PartitionRouter;
}

/** Steps wherever they belong. */
export class RoutedDirectorySteps implements DirectorySteps {
  readonly #options: RoutedDirectoryStepsOptions;

  /** Makes the steps; nothing is sent yet. */
  constructor(options: RoutedDirectoryStepsOptions) {
    this.#options = options;
  }

  /** {@inheritDoc DirectorySteps.name} */
  name(name: RepositoryName): Promise<NameState | undefined> {
    return this.#in(partitionOf(name), (steps) => steps.name(name));
  }

  /** {@inheritDoc DirectorySteps.claim} */
  claim(claim: NameClaim): Promise<NameState> {
    return this.#in(partitionOf(claim.name), (steps) => steps.claim(claim));
  }

  /** {@inheritDoc DirectorySteps.confirm} */
  confirm(entry: NameEntry): Promise<void> {
    return this.#in(partitionOf(entry.name), (steps) => steps.confirm(entry));
  }

  /** {@inheritDoc DirectorySteps.release} */
  release(entry: NameEntry): Promise<void> {
    return this.#in(partitionOf(entry.name), (steps) => steps.release(entry));
  }

  /** {@inheritDoc DirectorySteps.move} */
  move(entry: NameClaim): Promise<void> {
    return this.#in(partitionOf(entry.name), (steps) => steps.move(entry));
  }

  /** {@inheritDoc DirectorySteps.repository} */
  repository(key: RepositoryKey): Promise<RepositoryState | undefined> {
    return this.#in(partitionOf(key.networkId), (steps) => steps.repository(key));
  }

  /** {@inheritDoc DirectorySteps.create} */
  create(info: Attributed<RepositoryInfo>): Promise<RepositoryState> {
    return this.#in(partitionOf(info.networkId), (steps) => steps.create(info));
  }

  /** {@inheritDoc DirectorySteps.rename} */
  rename(request: Attributed<NewName>): Promise<RepositoryState> {
    return this.#in(partitionOf(request.networkId), (steps) => steps.rename(request));
  }

  /** {@inheritDoc DirectorySteps.remove} */
  remove(key: Attributed<RepositoryKey>): Promise<NameDebt> {
    return this.#in(partitionOf(key.networkId), (steps) => steps.remove(key));
  }

  /** {@inheritDoc DirectorySteps.restore} */
  restore(request: Attributed<NewName>): Promise<RepositoryState> {
    return this.#in(partitionOf(request.networkId), (steps) => steps.restore(request));
  }

  /** {@inheritDoc DirectorySteps.purge} */
  purge(removal: Removal): Promise<void> {
    return this.#in(partitionOf(removal.networkId), (steps) => steps.purge(removal));
  }

  /** {@inheritDoc DirectorySteps.bar} */
  bar(claim: NameClaim): Promise<boolean> {
    return this.#in(partitionOf(claim.networkId), (steps) => steps.bar(claim));
  }

  /** {@inheritDoc DirectorySteps.settle} */
  settle(debt: NameEntry): Promise<void> {
    return this.#in(partitionOf(debt.networkId), (steps) => steps.settle(debt));
  }

  /** {@inheritDoc DirectorySteps.finish} */
  finish(key: RepositoryKey): Promise<void> {
    return this.#in(partitionOf(key.networkId), (steps) => steps.finish(key));
  }

  #in<T>(partition: Partition, work: (steps: DirectorySteps) => Promise<T>): Promise<T> {
    const { local, nodeId, router } = this.#options;
    return router.call(partition, ({ node, baseUrl, fetcher, signal }) => {
      if (node.id === nodeId) return work(local);
      return work(new DirectoryStepsClient(fetcher, { baseUrl, signal }));
    });
  }
}
