/**
 * What a node is to each partition.
 *
 * A node acts by the newest topology that it knows. That may be old: whoever is primary has to claim the
 * partition first, and appends are fenced in the log, so two nodes that both believe so do no harm.
 *
 * @module
 */

import type { Partition } from "@gitstratum/core/consensus";
import type { NodeId, TopologySource } from "@gitstratum/core/rpc";

/** What a node is to a partition: its only writer, one that could take over, or nothing. */
export type Duty = "primary" | "follower" | "none";

/** The duties of one node. */
export interface PartitionDuties {
  /** Grows whenever duties may have changed. */
  readonly version: number;
  /** What the node is to a partition. */
  of(partition: Partition): Duty;
  /** Resolves once the version is above `after`; rejects when the signal aborts first. */
  changed(after: number, signal: AbortSignal): Promise<void>;
}

/** Duties of the only node there is: primary of everything, for ever. */
export const ALL_PARTITIONS: PartitionDuties = {
  version: 0,
  of: () => "primary",
  changed: (_after, signal) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    }),
};

/** The duties that a topology gives to a node. */
export class TopologyDuties implements PartitionDuties {
  readonly #topology: TopologySource;
  readonly #nodeId: NodeId;

  /** Follows `topology` for one node. */
  constructor(topology: TopologySource, nodeId: NodeId) {
    this.#topology = topology;
    this.#nodeId = nodeId;
  }

  /** The version of the topology. */
  get version(): number {
    return this.#topology.current().version;
  }

  /** {@inheritDoc PartitionDuties.of} */
  of(partition: Partition): Duty {
    const assignment = this.#topology.current().partitions[partition];
    if (assignment?.primary === this.#nodeId) return "primary";
    return assignment?.followers.includes(this.#nodeId) ? "follower" : "none";
  }

  /** {@inheritDoc PartitionDuties.changed} */
  async changed(after: number, signal: AbortSignal): Promise<void> {
    await this.#topology.changed(after, signal);
  }
}
