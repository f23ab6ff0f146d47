/**
 * What a stretch of history adds to another.
 *
 * @module
 */

import { BitSet } from "./bit_set.ts";
import type { CommitGraph } from "./commit_graph.ts";
import type { Slices } from "./slices.ts";

/**
 * The nodes that are reached from some and not from `base`. Takes steps for all that `base` reaches; the
 * graph must not be waited for in between.
 */
export async function* newNodes(
  graph: CommitGraph,
  from: readonly number[],
  options: { readonly base: readonly number[]; readonly slices: Slices },
): AsyncGenerator<number> {
  const { base, slices } = options;
  const old = new BitSet(graph.count);
  await graph.walk(base, { into: old, slices });
  const seen = new Set(from);
  // The set grows while it is walked.
  for (const node of seen) {
    if (old.has(node)) continue;
    yield node;
    for (const parent of graph.parentsAt(node)) seen.add(parent);
    if (slices.spend(2)) await slices.pause();
  }
}
