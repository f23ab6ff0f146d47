/**
 * Plans the pack of one fetch: which objects, then in which steps.
 *
 * @module
 */

import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import type { Recipe } from "@gitstratum/core/recipe";
import { BitSet } from "./bit_set.ts";
import type { ClientHistory } from "./client_history.ts";
import { type FilterPolicy, isOpen, isPathless, passes } from "./filter_policy.ts";
import { GroupStates } from "./group_states.ts";
import type { Introductions } from "./introductions.ts";
import type { NetworkIndex } from "./network_index.ts";
import type { OpenNetwork } from "./network_store.ts";
import { PackLayout } from "./pack_layout.ts";
import type { NodeBoundary } from "./shallow_boundary.ts";
import type { Slices } from "./slices.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";
import { TreeCollector } from "./tree_collector.ts";
import type { BaseTree } from "./tree_comparison.ts";

/** Haves whose trees a commit without parents is compared with (a shallow fetch). */
const STAND_IN_BASES = 4;

/** A fetch, in numbers of the network. */
export interface PackRequest {
  readonly history: ClientHistory;
  readonly boundary: NodeBoundary;
  readonly policy: FilterPolicy;
  readonly passesPath: ((path: string) => boolean) | undefined;
  readonly thinPack: boolean;
  readonly ofsDelta: boolean;
  /** Tags to send along when what they point at is sent. */
  readonly followedTags: Iterable<number>;
  readonly slices: Slices;
}

/** Plans one pack. */
export class PackPlanner {
  readonly #network: NetworkIndex;
  readonly #introductions: Introductions;
  readonly #request: PackRequest;
  readonly #states: GroupStates;
  readonly #selected: BitSet;
  readonly #collector: TreeCollector;

  /** Makes a planner for one fetch. */
  constructor(open: OpenNetwork, request: PackRequest) {
    const { network, reader, introductions } = open;
    this.#network = network;
    this.#introductions = introductions;
    this.#request = request;
    this.#states = new GroupStates(network, request.history);
    this.#selected = new BitSet(network.size);
    this.#collector = new TreeCollector(network, {
      reader,
      slices: request.slices,
      rules: {
        policy: request.policy,
        passesPath: request.passesPath,
        isSettled: (position) => this.#isSettled(position),
      },
    });
  }

  /** The recipe. */
  async plan(): Promise<Recipe> {
    const { policy, history, boundary, slices } = this.#request;
    this.#selectCommits();
    if (isPathless(policy)) { for (const group of this.#network.groups) this.#selectGroup(group); }
    await this.#collect();
    this.#collector.collected.subtract(this.#collector.had);
    this.#selected.unite(this.#collector.collected);
    for (const position of history.wanted) {
      const node = this.#network.nodeAt(position);
      if (node === NONE || history.sent.has(node)) this.#selected.add(position);
    }
    this.#selectTags();
    const layout = await PackLayout.make(this.#network, {
      selected: this.#selected,
      isBaseHad: (position) => this.#request.thinPack && this.#isCertainlyHad(position),
      isThin: this.#request.thinPack && history.had.count() > 0,
      ofsDelta: this.#request.ofsDelta,
      slices,
    });
    const oidOf = (node: number) => this.#network.oidAt(this.#network.graph.positionAt(node));
    return {
      header: {
        objectFormat: this.#network.format,
        objectCount: layout.objectCount,
        shallow: boundary.shallow.map(oidOf),
        unshallow: boundary.unshallow.map(oidOf),
        packs: layout.packs,
      },
      steps: layout.steps(),
    };
  }

  #selectCommits(): void {
    if (!this.#request.policy.types.has("commit")) return;
    for (const node of this.#request.history.sent.items()) {
      this.#selected.add(this.#network.graph.positionAt(node));
    }
  }

  /** Selects the trees and blobs of a whole group. */
  #selectGroup(group: StoredGroup): void {
    const state = this.#states.of(group);
    if (state !== "sent" && state !== "leaky") return;
    const { index } = group;
    if (group.hasDuplicates) return this.#selectEach(group, 0, index.objectCount);
    const { types, blobBytesEnd } = this.#request.policy;
    if (types.has("commit") && types.has("tree")) {
      this.#selected.addRange(group.start, group.start + index.historyCount);
      for (let tag = 0; tag < index.tagCount; tag++) {
        this.#selected.delete(group.start + index.tagOrdinal(tag));
      }
    } else this.#selectEach(group, 0, index.historyCount);
    if (types.has("blob") && blobBytesEnd === Infinity) {
      this.#selected.addRange(group.start + index.historyCount, group.end);
    } else this.#selectEach(group, index.historyCount, index.objectCount);
  }

  #selectEach(group: StoredGroup, first: number, end: number): void {
    const { policy } = this.#request;
    const { index } = group;
    for (let ordinal = first; ordinal < end; ordinal++) {
      const type = index.typeAt(ordinal);
      const isChosen = type !== "tag" && passes(policy, type, index.sizeAt(ordinal));
      if (isChosen) this.#selected.add(group.canonical(ordinal));
    }
  }

  /** Collects what whole groups do not decide. */
  async #collect(): Promise<void> {
    const { policy, history, slices } = this.#request;
    const needsTrees = policy.depthEnd > 0 &&
      (policy.types.has("tree") || policy.types.has("blob"));
    for (const group of needsTrees ? this.#network.groups : []) {
      const state = this.#states.of(group);
      if (slices.spend(1 + (group.index.commitCount >>> 5))) await slices.pause();
      if (state === "had" || (state === "sent" && isPathless(policy))) continue;
      await this.#collectGroup(group);
    }
    for (const position of history.wantedTrees) await this.#collector.addWanted(position);
  }

  /**
   * Collects what the group's commits bring, parents before children. A tree that returns after a
   * change is then met in the older commit first, whose bases it differs from; met first in the younger
   * one, it would count as collected while what it shares with the tree in between was left to that one.
   */
  async #collectGroup(group: StoredGroup): Promise<void> {
    const { history, policy, slices } = this.#request;
    const { graph } = this.#network;
    const commits = sentCommits(group, history.sent).sort((left, right) =>
      graph.generationAt(group.commitNodes[left]!) - graph.generationAt(group.commitNodes[right]!)
    );
    if (commits.length === 0) return;
    const listed = isPathless(policy) ? commits.filter((at) => this.#isListed(group, at)) : commits;
    const introduced = isPathless(policy)
      ? await this.#introductions.of(group, listed.length, slices)
      : undefined;
    for (const commit of commits) {
      const node = group.commitNodes[commit]!;
      if (introduced !== undefined && this.#isListed(group, commit)) {
        await this.#collectListed(introduced(commit));
      } else await this.#collectCommit(node);
    }
  }

  /** Whether all that a commit's tree shares with its parents' is sent with these. */
  #isListed(group: StoredGroup, commit: number): boolean {
    const { history } = this.#request;
    const parents = this.#network.graph.parentsAt(group.commitNodes[commit]!);
    if (parents.length === 0) return history.haveTips.length === 0;
    return parents.every((parent) => history.sent.has(parent));
  }

  async #collectListed(positions: Uint32Array): Promise<void> {
    const { slices } = this.#request;
    for (const position of positions) this.#collector.addListed(position);
    if (slices.spend(2 * positions.length + 1)) await slices.pause();
  }

  async #collectCommit(node: number): Promise<void> {
    await this.#collector.addRoot(this.#network.graph.treeAt(node), this.#basesOf(node));
  }

  /** Trees that are sent with a parent or that the client has. */
  #basesOf(node: number): BaseTree[] {
    const { history } = this.#request;
    const { graph } = this.#network;
    const bases: BaseTree[] = [];
    for (const parent of graph.parentsAt(node)) {
      const isHad = history.had.has(parent);
      if (isHad || history.sent.has(parent)) {
        bases.push({ tree: graph.treeAt(parent), isHad });
      }
    }
    if (bases.length > 0) return bases;
    return history.haveTips.slice(0, STAND_IN_BASES)
      .map((have) => ({ tree: graph.treeAt(have), isHad: true }));
  }

  #selectTags(): void {
    const { history, followedTags, policy } = this.#request;
    for (const tag of history.tags) {
      if (policy.types.has("tag") || history.wanted.has(tag)) this.#selectTag(tag);
    }
    // Tags that follow are not subject to the filter: git sends them with what they point at.
    for (const tag of followedTags) {
      if (!this.#selected.has(this.#network.peel(tag))) continue;
      for (let at = tag, next; (next = this.#network.tagTargetAt(at)) !== NONE; at = next) {
        this.#selectTag(at);
      }
    }
  }

  #selectTag(position: number): void {
    if (!this.#request.history.hadTags.has(position)) this.#selected.add(position);
  }

  /** Whether an object and all below it are sent by a whole group or had. */
  #isSettled(position: number): boolean {
    return isPathless(this.#request.policy)
      ? this.#states.covers(position, ["sent", "had"])
      : this.#states.covers(position, ["had"]);
  }

  /** Whether the client has an object for certain: a delta may be made against it. */
  #isCertainlyHad(position: number): boolean {
    const { history, policy } = this.#request;
    const code = this.#network.typeCodeAt(position);
    if (code === OBJECT_TYPE_CODES.commit) return history.had.has(this.#network.nodeAt(position));
    if (code === OBJECT_TYPE_CODES.tag) return history.hadTags.has(position);
    // A client that filters may lack what is reached by what it has.
    if (!isOpen(policy)) return false;
    return this.#collector.had.has(position) || this.#states.covers(position, ["had"]);
  }
}

/** Rows of the group's commits that are sent. A loop, because most are not and there can be many. */
function sentCommits(group: StoredGroup, sent: BitSet): number[] {
  const rows: number[] = [];
  for (let row = 0; row < group.commitNodes.length; row++) {
    if (sent.has(group.commitNodes[row]!)) rows.push(row);
  }
  return rows;
}
