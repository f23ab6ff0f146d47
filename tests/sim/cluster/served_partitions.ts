/**
 * The few partitions that a simulated cluster serves: of 256 there are up to eight, so that a run costs
 * a thirtieth of the work. Nothing else about them is different; the others have nobody.
 *
 * @module
 */

import { PARTITION_COUNT, type Random } from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import { partitionOf } from "@gitstratum/core/ring";
import type { Metadata, PartitionAssignment, Topology, TopologySource } from "@gitstratum/core/rpc";
import { withMetadata } from "../faults/metadata_wrapper.ts";

const NETWORK_ID_BYTES = 16;
const NOBODY: PartitionAssignment = { primary: null, followers: [] };

/** Partitions that have nodes. */
export class ServedPartitions {
  readonly #step: number;

  /** Every so manieth partition is served. */
  constructor(step: number) {
    this.#step = step;
  }

  /** A name that begins so and belongs to a served partition. */
  name(prefix: string): string {
    for (let number = 0;; number++) {
      if (this.#has(`${prefix}-${number}`)) return `${prefix}-${number}`;
    }
  }

  /** Draws ids that belong to served partitions. */
  random(random: Random): Random {
    return {
      bytes: (count) => {
        for (;;) {
          const bytes = random.bytes(count);
          if (count !== NETWORK_ID_BYTES || this.#has(bytes.toHex())) return bytes;
        }
      },
    };
  }

  /** Metadata as clients of a small cluster see it: listings ask only those whom there are. */
  metadata(metadata: Metadata): Metadata {
    const served = Array.from({ length: PARTITION_COUNT }, (_, index) => index as Partition)
      .filter((partition) => partition % this.#step === 0);
    return withMetadata(metadata, {
      listRepositories: (query) => metadata.listRepositories({ partitions: served, ...query }),
      listDeletedRepositories: (query) =>
        metadata.listDeletedRepositories({ partitions: served, ...query }),
    });
  }

  /** A topology as the nodes of a small cluster see it: nobody has duties in the other partitions. */
  topology(source: TopologySource): TopologySource {
    const known = new WeakMap<Topology, Topology>();
    const served = (whole: Topology): Topology => {
      const found = known.get(whole);
      if (found !== undefined) return found;
      const partitions = whole.partitions.map((assignment, partition) =>
        partition % this.#step === 0 ? assignment : NOBODY
      );
      const made = { ...whole, partitions };
      known.set(whole, made);
      return made;
    };
    return {
      current: () => served(source.current()),
      changed: async (afterVersion, signal) => served(await source.changed(afterVersion, signal)),
      refresh: () => source.refresh(),
    };
  }

  #has(key: string): boolean {
    return partitionOf(key) % this.#step === 0;
  }
}
