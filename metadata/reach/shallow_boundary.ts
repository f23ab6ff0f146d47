/**
 * Where history ends for a client that asks for a depth: the same sets as git's upload-pack.
 *
 * Source: gitprotocol-pack (shallow and unshallow lines), gitprotocol-v2 (deepen options); behaviour
 * compared with git in tests.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { BitSet } from "./bit_set.ts";
import type { CommitGraph } from "./commit_graph.ts";
import type { Slices } from "./slices.ts";

/** Depths from this on mean the whole history (git's `--unshallow`). */
const INFINITE_DEPTH = 0x7fffffff;

/** A boundary in graph nodes. */
export interface NodeBoundary {
  /** Commits that become shallow; those that were already are not repeated. */
  readonly shallow: readonly number[];
  /** Shallow commits of the client whose parents it gets now. */
  readonly unshallow: readonly number[];
}

interface BoundaryStart {
  readonly graph: CommitGraph;
  /** Wanted commits. */
  readonly wants: readonly number[];
  /** Shallow commits of the client that the repository reaches. */
  readonly clientShallow: ReadonlySet<number>;
  readonly slices: Slices;
}

/** The boundary `depth` commits from the wants, or from the client's own boundary. */
export async function boundaryByDepth(
  start: BoundaryStart,
  options: { readonly depth: number; readonly relative: boolean },
): Promise<NodeBoundary> {
  const { graph, clientShallow } = start;
  if (options.depth >= INFINITE_DEPTH) return { shallow: [], unshallow: [...clientShallow] };
  const roots = options.relative ? [...clientShallow] : start.wants;
  const depth = options.relative ? options.depth + 1 : options.depth;
  const seen = new BitSet(graph.count);
  const inside = new BitSet(graph.count);
  let level = roots.filter((node) => seen.add(node));
  for (let distance = 1; distance < depth && level.length > 0; distance++) {
    const next: number[] = [];
    for (const node of level) {
      inside.add(node);
      for (const parent of graph.parentsAt(node)) if (seen.add(parent)) next.push(parent);
      if (start.slices.spend(2)) await start.slices.pause();
    }
    level = next;
  }
  return {
    shallow: level.filter((node) => !clientShallow.has(node)),
    unshallow: [...clientShallow].filter((node) => inside.has(node)),
  };
}

/**
 * The boundary of the commits that are not older than `sinceS` and not reached by `not`.
 *
 * @throws `invalid` when no commit is left
 */
export async function boundaryByExclusion(
  start: BoundaryStart,
  options: { readonly sinceS?: number | undefined; readonly not: readonly number[] },
): Promise<NodeBoundary> {
  const { graph, clientShallow, slices } = start;
  const excluded = new BitSet(graph.count);
  await graph.walk(options.not, { into: excluded, slices });
  const sinceS = options.sinceS ?? -Infinity;
  const isIn = (node: number) => !excluded.has(node) && graph.timeSAt(node) >= sinceS;
  const seen = new BitSet(graph.count);
  const list = start.wants.filter((node) => isIn(node) && seen.add(node));
  // The list grows while it is walked.
  for (const node of list) {
    for (const parent of graph.parentsAt(node)) {
      if (isIn(parent) && seen.add(parent)) list.push(parent);
    }
    if (slices.spend(2)) await slices.pause();
  }
  if (list.length === 0) {
    throw new GitStratumError("invalid", "Select no commits for a shallow request");
  }
  const isBorder = (node: number) => graph.parentsAt(node).some((parent) => !seen.has(parent));
  return {
    shallow: list.filter((node) => isBorder(node) && !clientShallow.has(node)),
    unshallow: [...clientShallow].filter((node) => seen.has(node) && !isBorder(node)),
  };
}
