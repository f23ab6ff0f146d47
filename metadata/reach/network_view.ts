/**
 * The reading side of the metadata: what a repository's references reach, what a client lacks, and
 * where objects are.
 *
 * Purpose: answers for the partitions of one node from pack indexes and history packs. It holds no
 * truth: everything is rebuilt from the catalogue and the extents.
 *
 * Invariants: every answer that a client can see is limited to what the repository's own references
 * reach. Memory is bounded by {@link ViewBudgets}; long computations pause for others.
 *
 * Fault model: `unavailable` of the extent store passes through; damaged extents are `corrupt`.
 *
 * @module
 */

import { assert, GitStratumError, MIB } from "@gitstratum/core";
import { type ObjectType, type Oid, oidBytes } from "@gitstratum/core/git";
import { EXTERNAL_IS_BASE, EXTERNAL_IS_LINK, type PackIndex } from "@gitstratum/core/pack";
import type { Recipe } from "@gitstratum/core/recipe";
import type {
  Depth,
  ExtentStore,
  GroupId,
  LocatedObject,
  LocateScope,
  NegotiateRequest,
  NegotiateResult,
  PackGroup,
  PlanRequest,
  ShallowBoundary,
} from "@gitstratum/core/rpc";
import type { PackCatalogue, RepositoryRefsView } from "../state/pack_catalogue.ts";
import { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import { clientHistory, deniedWant } from "./client_history.ts";
import { mistypedExternals } from "./external_types.ts";
import { filterPolicy } from "./filter_policy.ts";
import { newNodes } from "./new_history.ts";
import { locateObject } from "./location.ts";
import { commitNodes, isReady } from "./negotiation.ts";
import { addNeededGroups } from "./needed_groups.ts";
import type { NetworkIndex } from "./network_index.ts";
import { NetworkStore, type OpenNetwork } from "./network_store.ts";
import { PackPlanner } from "./planner.ts";
import { ReachStore } from "./reach_store.ts";
import type { RepositoryReach } from "./repository_reach.ts";
import type { NodeBoundary } from "./shallow_boundary.ts";
import { findBoundary } from "./shallow_request.ts";
import { OBJECT_READ_STEPS, Slices } from "./slices.ts";
import { SparsePatterns } from "./sparse_patterns.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";

/** Memory of a view, in bytes. */
export interface ViewBudgets {
  /** Pack indexes and commit graphs. */
  readonly networkBytesMax: number;
  /** Blocks of history packs. */
  readonly blockBytesMax: number;
  /** Decoded commits, trees and tags. */
  readonly objectBytesMax: number;
  /** Closures of references. */
  readonly reachBytesMax: number;
}

/** Budgets that fit a process of 512 MiB. */
export const VIEW_BUDGETS: ViewBudgets = {
  networkBytesMax: 128 * MIB,
  blockBytesMax: 48 * MIB,
  objectBytesMax: 32 * MIB,
  reachBytesMax: 16 * MIB,
};

/** Answers about the networks of a node. */
export class NetworkView {
  readonly #networks: NetworkStore;
  readonly #reaches: ReachStore;

  /** Makes a view with empty caches. */
  constructor(
    options: {
      readonly catalogue: PackCatalogue;
      readonly extents: Pick<ExtentStore, "read">;
      readonly budgets?: ViewBudgets;
    },
  ) {
    const budgets = options.budgets ?? VIEW_BUDGETS;
    this.#networks = new NetworkStore({
      catalogue: options.catalogue,
      extents: options.extents,
      blocks: new BlockCache(options.extents, budgets.blockBytesMax),
      objects: new ByteBoundedCache(budgets.objectBytesMax),
      bytesMax: budgets.networkBytesMax,
    });
    this.#reaches = new ReachStore(budgets.reachBytesMax);
  }

  /** Keeps the index of a group that was checked and may be committed soon. */
  noteIndex(group: PackGroup, index: PackIndex): void {
    this.#networks.noteIndex(group, index);
  }

  /** Which of the ids the repository's references do not reach; in the order asked. */
  async contains(refs: RepositoryRefsView, oids: readonly Oid[]): Promise<Oid[]> {
    const missing: Oid[] = [];
    await this.#withReach(refs, async ({ network, reach, slices }) => {
      for (const oid of oids) {
        if (await reachedPosition(network, { reach, oid, slices }) === NONE) missing.push(oid);
      }
    });
    return missing;
  }

  /** Whether the repository's references reach all that a group links to, and bases of its deltas. */
  async reachesNeeded(refs: RepositoryRefsView, index: PackIndex): Promise<boolean> {
    if (index.externalCount === 0) return true;
    return await this.#withReach(refs, async ({ network, reach, slices }) => {
      for (let row = 0; row < index.externalCount; row++) {
        if ((index.externalFlags(row) & (EXTERNAL_IS_LINK | EXTERNAL_IS_BASE)) === 0) continue;
        const position = network.externalOf(index, row);
        if (slices.spend(LOOK_UP_STEPS)) await slices.pause();
        if (position === NONE) return false;
        // Thousands of names of a tree are known at once: no turn of the event loop for each.
        if (!(reach.reachesNow(position) ?? await reach.reaches(position, slices))) return false;
      }
      return true;
    });
  }

  /** The type of an object of the network; undefined when it has none such. */
  async objectType(refs: RepositoryRefsView, oid: Oid): Promise<ObjectType | undefined> {
    const { network } = await this.#networks.open(refs);
    const position = network.findOid(oid);
    return position === NONE ? undefined : network.typeAt(position);
  }

  /** What an object of the network is when tags are followed; undefined when it has none such. */
  async peel(refs: RepositoryRefsView, oid: Oid): Promise<Oid | undefined> {
    const { network } = await this.#networks.open(refs);
    const position = network.findOid(oid);
    return position === NONE ? undefined : network.oidAt(network.peel(position));
  }

  /**
   * Objects that commits of a new group name as tree or parent but that are something else. A group
   * that has any must be refused: the commit graph could not be built from it.
   */
  async mistypedLinks(refs: RepositoryRefsView, index: PackIndex): Promise<Oid[]> {
    const { network } = await this.#networks.open(refs);
    return mistypedExternals(network, index);
  }

  /** Whether a commit is one of others or behind one; false for what is no commit of the network. */
  async isBehind(refs: RepositoryRefsView, oid: Oid, others: readonly Oid[]): Promise<boolean> {
    const { network } = await this.#networks.open(refs);
    const nodesOf = (oids: readonly Oid[]) =>
      oids.map((id) => network.findOid(id))
        .filter((position) => position !== NONE)
        .map((position) => network.nodeAt(position))
        .filter((node) => node !== NONE);
    const [ancestor] = nodesOf([oid]);
    if (ancestor === undefined) return false;
    return await network.graph.isAncestor(ancestor, nodesOf(others), new Slices());
  }

  /** The commits that some reach and `base` does not, none twice; what is no commit reaches none. */
  async *newCommits(
    refs: RepositoryRefsView,
    stretch: { readonly from: readonly Oid[]; readonly base: Oid | undefined },
  ): AsyncGenerator<{ readonly oid: Oid; readonly isMerge: boolean }> {
    const { network } = await this.#networks.open(refs);
    const { graph } = network;
    const nodesOf = (oids: readonly Oid[]) =>
      commitNodes(network, oids.map((oid) => network.findOid(oid)).filter((at) => at !== NONE));
    const base = stretch.base === undefined ? [] : [stretch.base];
    const options = { base: nodesOf(base), slices: new Slices() };
    for await (const node of newNodes(graph, nodesOf(stretch.from), options)) {
      const oid = network.oidAt(graph.positionAt(node));
      yield { oid, isMerge: graph.parentCountAt(node) > 1 };
    }
  }

  /** One step of a negotiation; see `Metadata.negotiate`. */
  async negotiate(refs: RepositoryRefsView, request: NegotiateRequest): Promise<NegotiateResult> {
    return await this.#withReach(refs, async ({ network, reach, slices }) => {
      const find = (oid: Oid) => reachedPosition(network, { reach, oid, slices });
      const wants: number[] = [];
      const refused: Oid[] = [];
      for (const oid of request.wants) {
        const position = await find(oid);
        if (position === NONE) refused.push(oid);
        else wants.push(position);
      }
      const common: Oid[] = [];
      const haves: number[] = [];
      for (const oid of request.haves) {
        const position = await find(oid);
        if (position === NONE) continue;
        common.push(oid);
        haves.push(position);
      }
      const clientShallow = reachedCommits(network, reach, request.clientShallow);
      const ready = await isReady(network, { wants, common: haves, clientShallow, slices });
      return { refused, common, ready };
    });
  }

  /**
   * Where history would end; see `Metadata.deepen`.
   *
   * @throws `denied` when a want is not reached
   */
  async deepen(
    refs: RepositoryRefsView,
    request: {
      readonly wants: readonly Oid[];
      readonly clientShallow: readonly Oid[];
      readonly depth: Depth;
    },
  ): Promise<ShallowBoundary> {
    return await this.#withReach(refs, async ({ network, reach, slices }) => {
      const wants = commitNodes(
        network,
        await reachedWants(network, { reach, oids: request.wants, slices }),
      );
      const clientShallow = reachedCommits(network, reach, request.clientShallow);
      const found = await findBoundary(network, {
        refs,
        wants,
        clientShallow,
        depth: request.depth,
        slices,
      });
      const oidOf = (node: number) => network.oidAt(network.graph.positionAt(node));
      return { shallow: found.shallow.map(oidOf), unshallow: found.unshallow.map(oidOf) };
    });
  }

  /**
   * The recipe of a pack; see `Metadata.plan`.
   *
   * @throws `denied` when a want is not reached
   */
  async plan(refs: RepositoryRefsView, request: PlanRequest): Promise<Recipe> {
    const { open, fetch } = await this.#withReach(refs, async (context) => ({
      open: context,
      fetch: await resolveFetch(context, request),
    }));
    const { network, slices } = open;
    const { wants, haves, clientShallow, followedTags } = fetch;
    const boundary = request.depth === undefined ? NO_BOUNDARY : await findBoundary(network, {
      refs,
      wants: commitNodes(network, wants),
      clientShallow,
      depth: request.depth,
      slices,
    });
    const policy = filterPolicy(request.filter);
    const { ancestors } = open;
    const sides = { wants, haves, clientShallow, boundary, ancestors, slices };
    const history = await clientHistory(network, sides);
    const planner = new PackPlanner(open, {
      history,
      boundary,
      policy,
      passesPath: fetch.passesPath,
      thinPack: request.thinPack,
      ofsDelta: request.ofsDelta,
      followedTags,
      slices,
    });
    return await planner.plan();
  }

  /** A digest of the tags that packs may carry along; see `Metadata.tagDigest`. */
  async tagDigest(refs: RepositoryRefsView): Promise<string> {
    return await this.#withReach(refs, ({ reach }) => Promise.resolve(reach.tagDigest()));
  }

  /** Where objects are; see `Metadata.locate`. `refs` decides what `visible` is. */
  async locate(
    refs: RepositoryRefsView,
    request: { readonly oids: readonly Oid[]; readonly scope: LocateScope },
  ): Promise<LocatedObject[]> {
    if (request.scope === "network") {
      const { network } = await this.#networks.open(refs);
      return request.oids.map((oid) => network.findOid(oid))
        .filter((position) => position !== NONE)
        .map((position) => locateObject(network, position));
    }
    return await this.#withReach(refs, async ({ network, reach, slices }) => {
      const located: LocatedObject[] = [];
      for (const oid of request.oids) {
        const position = await reachedPosition(network, { reach, oid, slices });
        if (position !== NONE) located.push(locateObject(network, position));
      }
      return located;
    });
  }

  /**
   * Which of some groups none of the repositories needs, which must be all of a network. The groups must
   * not be newer than the views of references: those of a push in between would seem unneeded.
   */
  async unneededGroups(
    candidates: readonly GroupId[],
    repositories: readonly RepositoryRefsView[],
  ): Promise<GroupId[]> {
    const [first] = repositories;
    if (first === undefined) return [];
    const slices = new Slices();
    const { network } = await this.#networks.open(first);
    const needed = new Set<StoredGroup>();
    for (const refs of repositories) {
      const open = () => this.#networks.open(refs);
      await this.#reaches.use(refs, { open, slices }, (reach, opened) => {
        if (opened.network === network) return reach.holdersInto(needed, slices);
        throw new GitStratumError("unavailable", "Look for unneeded groups while some go");
      });
    }
    await addNeededGroups(network, needed, slices);
    const kept = new Set([...needed].map(({ group }) => group.groupId));
    return candidates.filter((groupId) => !kept.has(groupId));
  }

  /** Rows of ids that the network stores; see `Metadata.known`. */
  async known(refs: RepositoryRefsView, oids: Uint8Array): Promise<Uint32Array<ArrayBuffer>> {
    const { network } = await this.#networks.open(refs);
    const width = oidBytes(refs.objectFormat);
    assert(oids.length % width === 0, "Ids come in whole rows");
    const slices = new Slices();
    const rows: number[] = [];
    for (let row = 0; row * width < oids.length; row++) {
      if (network.find(oids, row * width) !== NONE) rows.push(row);
      if (slices.spend(LOOK_UP_STEPS)) await slices.pause();
    }
    return Uint32Array.from(rows);
  }

  async #withReach<T>(
    refs: RepositoryRefsView,
    work: (context: ReachContext) => Promise<T>,
  ): Promise<T> {
    const slices = new Slices();
    const open = () => this.#networks.open(refs);
    return await this.#reaches.use(
      refs,
      { open, slices },
      (reach, opened) => work({ ...opened, reach, slices }),
    );
  }
}

interface ReachContext extends OpenNetwork {
  readonly reach: RepositoryReach;
  readonly slices: Slices;
}

const NO_BOUNDARY: NodeBoundary = { shallow: [], unshallow: [] };

interface ResolvedFetch {
  readonly wants: readonly number[];
  readonly haves: readonly number[];
  readonly clientShallow: ReadonlySet<number>;
  readonly followedTags: readonly number[];
  readonly passesPath: ((path: string) => boolean) | undefined;
}

/** Turns the ids of a request into positions that the repository reaches. */
async function resolveFetch(
  context: ReachContext,
  request: PlanRequest,
): Promise<ResolvedFetch> {
  const { network, reach, slices } = context;
  const wants = await reachedWants(network, { reach, oids: request.wants, slices });
  const haves: number[] = [];
  for (const oid of request.haves) {
    const position = await reachedPosition(network, { reach, oid, slices });
    if (position !== NONE) haves.push(position);
  }
  return {
    wants,
    haves,
    clientShallow: reachedCommits(network, reach, request.clientShallow),
    followedTags: request.includeTag ? [...reach.tags] : [],
    passesPath: await sparsePaths(context, filterPolicy(request.filter).sparse),
  };
}

/**
 * Whether a path passes all sparse filters; undefined without any.
 *
 * @throws `denied` when patterns are in a blob that the repository does not reach
 */
async function sparsePaths(
  { network, reach, reader, slices }: ReachContext,
  oids: readonly Oid[],
): Promise<((path: string) => boolean) | undefined> {
  const patterns: SparsePatterns[] = [];
  for (const oid of oids) {
    const position = await reachedPosition(network, { reach, oid, slices });
    if (position === NONE || network.typeAt(position) !== "blob") throw deniedWant(oid);
    patterns.push(new SparsePatterns(new TextDecoder().decode(await reader.read(position))));
  }
  if (patterns.length === 0) return undefined;
  return (path) => patterns.every((list) => list.includes(path));
}

/** Steps that looking an id up counts for. */
const LOOK_UP_STEPS = OBJECT_READ_STEPS / 8;

/** The position of an id that the repository reaches, else {@link NONE}. */
async function reachedPosition(
  network: NetworkIndex,
  query: { readonly reach: RepositoryReach; readonly oid: Oid; readonly slices: Slices },
): Promise<number> {
  const position = network.findOid(query.oid);
  if (query.slices.spend(LOOK_UP_STEPS)) await query.slices.pause();
  if (position === NONE) return NONE;
  return await query.reach.reaches(position, query.slices) ? position : NONE;
}

/** Positions of wants. @throws `denied` when the repository does not reach one */
async function reachedWants(
  network: NetworkIndex,
  query: {
    readonly reach: RepositoryReach;
    readonly oids: readonly Oid[];
    readonly slices: Slices;
  },
): Promise<number[]> {
  const { reach, slices } = query;
  const wants: number[] = [];
  for (const oid of query.oids) {
    const position = await reachedPosition(network, { reach, oid, slices });
    if (position === NONE) throw deniedWant(oid);
    wants.push(position);
  }
  return wants;
}

/** Nodes of the ids that are commits which the repository reaches. */
function reachedCommits(
  network: NetworkIndex,
  reach: RepositoryReach,
  oids: readonly Oid[],
): Set<number> {
  const nodes = new Set<number>();
  for (const oid of oids) {
    const position = network.findOid(oid);
    const node = position === NONE ? NONE : network.nodeAt(position);
    if (node !== NONE && reach.commits.has(node)) nodes.add(node);
  }
  return nodes;
}
