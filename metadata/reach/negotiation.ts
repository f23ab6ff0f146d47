/**
 * Which commits a client has and whether they are enough.
 *
 * @module
 */

import { BitSet } from "./bit_set.ts";
import type { NetworkIndex } from "./network_index.ts";
import type { Slices } from "./slices.ts";
import { NONE } from "./stored_group.ts";

/** Nodes of the commits at or behind the given positions; other objects have none. */
export function commitNodes(network: NetworkIndex, positions: Iterable<number>): number[] {
  const nodes: number[] = [];
  for (const position of positions) {
    const node = network.nodeAt(network.peel(position));
    if (node !== NONE) nodes.push(node);
  }
  return nodes;
}

/**
 * Whether every wanted commit reaches a common one, as git's upload-pack decides that a client may
 * stop asking. A parent of a common commit counts as common. Wants that are no commits do not hold
 * the answer up: nothing about them can be learned from the graph.
 */
export async function isReady(
  network: NetworkIndex,
  request: {
    readonly wants: readonly number[];
    readonly common: readonly number[];
    readonly clientShallow: ReadonlySet<number>;
    readonly slices: Slices;
  },
): Promise<boolean> {
  const { graph } = network;
  const { clientShallow: cut, slices } = request;
  const targets = new BitSet(graph.count);
  for (const node of commitNodes(network, request.common)) {
    targets.add(node);
    if (!cut.has(node)) { for (const parent of graph.parentsAt(node)) targets.add(parent); }
  }
  if (targets.next(0) < 0) return false;
  return await graph.allReach(commitNodes(network, request.wants), { targets, cut, slices });
}
