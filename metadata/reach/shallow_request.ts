/**
 * From a requested depth to a boundary.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { Depth } from "@gitstratum/core/rpc";
import type { RepositoryRefsView } from "../state/pack_catalogue.ts";
import { commitNodes } from "./negotiation.ts";
import type { NetworkIndex } from "./network_index.ts";
import { boundaryByDepth, boundaryByExclusion, type NodeBoundary } from "./shallow_boundary.ts";
import type { Slices } from "./slices.ts";
import { NONE } from "./stored_group.ts";

/**
 * The boundary of a depth.
 *
 * @throws `invalid` when a reference to be left out is unknown or ambiguous, or no commit is left
 */
export async function findBoundary(
  network: NetworkIndex,
  request: {
    readonly refs: RepositoryRefsView;
    readonly wants: readonly number[];
    readonly clientShallow: ReadonlySet<number>;
    readonly depth: Depth;
    readonly slices: Slices;
  },
): Promise<NodeBoundary> {
  const { refs, depth, wants, clientShallow, slices } = request;
  const start = { graph: network.graph, wants, clientShallow, slices };
  switch (depth.kind) {
    case "commits":
      return await boundaryByDepth(start, depth);
    case "exclude": {
      const positions = depth.not.map((name) => network.findOid(resolveExcluded(refs, name)));
      const not = commitNodes(network, positions.filter((position) => position !== NONE));
      return await boundaryByExclusion(start, { sinceS: depth.sinceS, not });
    }
  }
}

/** Where git looks for a reference that is named in short (gitrevisions). */
const PREFIXES = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];

function resolveExcluded(refs: RepositoryRefsView, name: string): Oid {
  const found = PREFIXES.map((prefix) => refs.resolve(prefix + name))
    .filter((oid) => oid !== undefined);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new GitStratumError("invalid", "Expect one reference to leave out", {
    data: { name: name.slice(0, 200), found: found.length },
  });
}
