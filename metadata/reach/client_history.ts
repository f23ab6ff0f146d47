/**
 * What a client asks for and what it has, in graph nodes and positions.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { AncestorSets } from "./ancestor_sets.ts";
import { BitSet } from "./bit_set.ts";
import type { NetworkIndex } from "./network_index.ts";
import type { NodeBoundary } from "./shallow_boundary.ts";
import type { Slices } from "./slices.ts";
import { NONE } from "./stored_group.ts";

/** The two sides of a fetch. */
export interface ClientHistory {
  /** What was asked for by id and what its tags lead to: sent whatever a filter says (as git does). */
  readonly wanted: ReadonlySet<number>;
  /** Trees and blobs among them. */
  readonly wantedTrees: readonly number[];
  /** Tags to send. */
  readonly tags: ReadonlySet<number>;
  /** Commits to send. */
  readonly sent: BitSet;
  /** Commits that the client has, their trees included. */
  readonly had: BitSet;
  /** Commits that the client named as had. */
  readonly haveTips: readonly number[];
  /** Tags that the client named as had. */
  readonly hadTags: ReadonlySet<number>;
}

/** Works the two sides out. All positions must be reached by the repository. */
export async function clientHistory(
  network: NetworkIndex,
  request: {
    readonly wants: readonly number[];
    readonly haves: readonly number[];
    readonly clientShallow: ReadonlySet<number>;
    readonly boundary: NodeBoundary;
    readonly ancestors: AncestorSets;
    readonly slices: Slices;
  },
): Promise<ClientHistory> {
  const { graph } = network;
  const { clientShallow, boundary, slices } = request;
  const haves = follow(network, request.haves);
  const had = clientShallow.size === 0
    ? await request.ancestors.of(haves.commits, slices)
    : await shallowAncestors(network, haves.commits, { cut: clientShallow, slices });
  const wants = follow(network, request.wants);
  const roots = [...wants.commits];
  // A client may list a shallow commit that it does not hold; then that is sent as well.
  for (const node of boundary.unshallow) {
    roots.push(...had.has(node) ? graph.parentsAt(node) : [node]);
  }
  const cut = clientShallow.difference(new Set(boundary.unshallow))
    .union(new Set(boundary.shallow));
  const sent = new BitSet(graph.count);
  await graph.walk(roots, { into: sent, stop: had, cut, slices });
  return {
    wanted: wants.all,
    wantedTrees: wants.trees,
    tags: wants.tags.difference(haves.tags),
    sent,
    had,
    haveTips: haves.commits,
    hadTags: haves.tags,
  };
}

async function shallowAncestors(
  { graph }: NetworkIndex,
  nodes: readonly number[],
  options: { readonly cut: ReadonlySet<number>; readonly slices: Slices },
): Promise<BitSet> {
  const into = new BitSet(graph.count);
  await graph.walk(nodes, { into, ...options });
  return into;
}

interface Followed {
  readonly all: Set<number>;
  readonly commits: number[];
  readonly tags: Set<number>;
  /** Trees and blobs. */
  readonly trees: number[];
}

/** Follows tags and sorts what is behind them. */
function follow(network: NetworkIndex, positions: Iterable<number>): Followed {
  const followed: Followed = { all: new Set(), commits: [], tags: new Set(), trees: [] };
  for (const position of positions) {
    let at = position;
    for (let next = network.tagTargetAt(at); next !== NONE; next = network.tagTargetAt(at)) {
      followed.tags.add(at);
      followed.all.add(at);
      at = next;
    }
    followed.all.add(at);
    const node = network.nodeAt(at);
    if (node !== NONE) followed.commits.push(node);
    else followed.trees.push(at);
  }
  return followed;
}

/** The error for wants that the repository does not reach. */
export function deniedWant(oid: Oid): GitStratumError {
  return new GitStratumError("denied", "Refuse an object that no reference reaches", {
    data: { oid },
  });
}
