/**
 * Questions to many partitions at once: one call to each primary, for its own.
 *
 * @module
 */

import type { Partition } from "../../consensus/log.ts";
import { PARTITION_COUNT } from "../../limits.ts";
import { isMoved, type PartitionRouter, primaryOf, type RouteTarget } from "./partition_router.ts";
import type { Topology, TopologyNode } from "../topology/topology.ts";

const ALL_PARTITIONS = Array.from({ length: PARTITION_COUNT }, (_, index) => index as Partition);

/**
 * Asks the primary of each partition, those of one node together. All of it is asked anew when a
 * partition moves meanwhile.
 *
 * @throws what a call throws; `unavailable` when a partition has no primary at the deadline
 */
export function callPrimaries<T>(
  router: PartitionRouter,
  wanted: readonly Partition[] = ALL_PARTITIONS,
  call: (target: RouteTarget, partitions: readonly Partition[]) => Promise<T>,
): Promise<readonly T[]> {
  return router.attempt(
    ({ topology, target }) =>
      Promise.all(
        [...partitionsByPrimary(topology, wanted)].map(([node, partitions]) =>
          call(target(node), partitions)
        ),
      ),
    (before, now) => wanted.some((partition) => isMoved(before, now, partition)),
  );
}

/** Partitions by their primary. @throws `unavailable` when one has none */
function partitionsByPrimary(
  topology: Topology,
  wanted: readonly Partition[],
): Map<TopologyNode, Partition[]> {
  const byPrimary = new Map<TopologyNode, Partition[]>();
  for (const partition of wanted) {
    const node = primaryOf(topology, partition);
    const others = byPrimary.get(node);
    if (others === undefined) byPrimary.set(node, [partition]);
    else others.push(partition);
  }
  return byPrimary;
}
