/**
 * Whether a stretch of history has merges.
 *
 * @module
 */

import { BitSet } from "./bit_set.ts";
import type { CommitGraph } from "./commit_graph.ts";
import type { Slices } from "./slices.ts";

/**
 * Whether none of the commits is a merge that are reached from some nodes and not from `base`. Takes
 * steps for all that `base` reaches.
 */
export async function isLinearHistory(
  graph: CommitGraph,
  from: readonly number[],
  options: { readonly base: readonly number[]; readonly slices: Slices },
): Promise<boolean> {
  const { base, slices } = options;
  const old = new BitSet(graph.count);
  await graph.walk(base, { into: old, slices });
  const seen = new Set(from);
  // The set grows while it is walked.
  for (const node of seen) {
    if (old.has(node)) continue;
    if (graph.parentCountAt(node) > 1) return false;
    for (const parent of graph.parentsAt(node)) seen.add(parent);
    if (slices.spend(2)) await slices.pause();
  }
  return true;
}
