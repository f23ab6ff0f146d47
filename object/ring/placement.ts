/**
 * Which nodes hold an extent, which step in for them, and how many have to know of a write.
 *
 * While the ring changes there are two groups of owners, the old ring's and the new one's: a write
 * counts once a quorum of each has it, and a read may find it with either, until the hand-over is
 * closed and the old ring is forgotten.
 *
 * @module
 */

import type { NodeId, ObjectRings } from "@gitstratum/core/rpc";

/** The rings that count now. */
export type RingView = ObjectRings;

/** Owners by one ring. */
export interface OwnerGroup {
  /** The preferred one first; fewer than the policy wants when the ring has fewer. */
  readonly nodes: readonly NodeId[];
  /** How many of them, or of those that step in for them, have to be durable. */
  readonly neededCount: number;
}

/** Where one extent belongs. */
export interface Placement {
  /** One group, or two while the ring changes. */
  readonly groups: readonly OwnerGroup[];
  /** The nodes of all groups. */
  readonly owners: readonly NodeId[];
  /** Nodes that keep hints for owners that miss a write, the preferred one first. */
  readonly substitutes: readonly NodeId[];
  /** Fewer copies than the policy wants, because there are fewer nodes. */
  readonly degraded: boolean;
}

/** Substitutes of an extent: readers ask them too, so they are few. */
const SUBSTITUTE_COUNT = 2;

/** Where an extent belongs. */
export function placeExtent(view: RingView, id: string): Placement {
  const { replicaCount, writeQuorum } = view.policy;
  const walks = [view.current, ...(view.previous === undefined ? [] : [view.previous])].map((
    ring,
  ) => ring.replicas(id, replicaCount + SUBSTITUTE_COUNT).map((node) => node.id as NodeId));
  const groups = walks.map((walk) => {
    const nodes = walk.slice(0, replicaCount);
    return { nodes, neededCount: Math.min(writeQuorum, nodes.length) };
  });
  const owners = [...new Set(groups.flatMap(({ nodes }) => nodes))];
  const further = new Set(walks.flatMap((walk) => walk.slice(replicaCount)));
  return {
    groups,
    owners,
    substitutes: [...further].filter((node) => !owners.includes(node)),
    degraded: groups[0]!.nodes.length < replicaCount,
  };
}

/**
 * How many nodes have to say that they have nothing before an acknowledged write is ruled out: at
 * least one of so many would have it.
 */
export function absentQuorum(placement: Placement): number {
  const needed = Math.min(...placement.groups.map(({ neededCount }) => neededCount));
  return placement.owners.length + placement.substitutes.length - needed + 1;
}
