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
import type { Attributed, DirectorySteps, NameClaim, NameHolder } from "./directory_steps.ts";
import { DirectoryStepsClient } from "./directory_steps_client.ts";
import type { NameState, RepositoryState } from "./partition_view.ts";

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
  confirm(holder: NameHolder): Promise<void> {
    return this.#in(partitionOf(holder.name), (steps) => steps.confirm(holder));
  }

  /** {@inheritDoc DirectorySteps.release} */
  release(holder: NameHolder): Promise<void> {
    return this.#in(partitionOf(holder.name), (steps) => steps.release(holder));
  }

  /** {@inheritDoc DirectorySteps.repository} */
  repository(key: RepositoryKey): Promise<RepositoryState | undefined> {
    return this.#in(partitionOf(key.networkId), (steps) => steps.repository(key));
  }

  /** {@inheritDoc DirectorySteps.create} */
  create(info: Attributed<RepositoryInfo>): Promise<RepositoryState> {
    return this.#in(partitionOf(info.networkId), (steps) => steps.create(info));
  }

  /** {@inheritDoc DirectorySteps.delete} */
  delete(key: Attributed<RepositoryKey>): Promise<NameHolder> {
    return this.#in(partitionOf(key.networkId), (steps) => steps.delete(key));
  }

  /** {@inheritDoc DirectorySteps.bar} */
  bar(claim: NameClaim): Promise<boolean> {
    return this.#in(partitionOf(claim.networkId), (steps) => steps.bar(claim));
  }

  /** {@inheritDoc DirectorySteps.finish} */
  finish(key: RepositoryKey): Promise<void> {
    return this.#in(partitionOf(key.networkId), (steps) => steps.finish(key));
  }

  #in<T>(partition: Partition, work: (steps: DirectorySteps) => Promise<T>): Promise<T> {
    const { local, nodeId, router } = this.#options;
    return router.call(partition, ({ node, fetcher }) => {
      if (node.id === nodeId) return work(local);
      return work(new DirectoryStepsClient(fetcher, { baseUrl: node.address }));
    });
  }
}
