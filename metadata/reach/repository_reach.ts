/**
 * What the references of one repository reach.
 *
 * Commits and tags are decided by the graph. A group that is closed and all of whose tips are reached
 * is reached **whole**, and that decides its trees and blobs without opening any. For the other
 * groups, called grey, an exact walk follows the trees of reached commits and whatever whole groups
 * link to; it never enters a whole group. So the answer is exact even where a push left junk behind or
 * where only a fork has an object.
 *
 * A state only grows: new tips extend it. One that could have lost a tip is made anew by its owner.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GitStratumError } from "@gitstratum/core";
import { isSubmoduleMode, OBJECT_TYPE_CODES, type Oid, TreeCursor } from "@gitstratum/core/git";
import { isExternal } from "@gitstratum/core/pack";
import { BitSet } from "./bit_set.ts";
import type { NetworkIndex } from "./network_index.ts";
import type { ObjectReader } from "./object_reader.ts";
import { OBJECT_READ_STEPS, type Slices } from "./slices.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";

/** The closure of a repository's tips. Calls must not overlap: its owner runs them in turn. */
export class RepositoryReach {
  readonly #network: NetworkIndex;
  readonly #reader: ObjectReader;
  #commits = new BitSet(0);
  readonly #tags = new Set<number>();
  /** Trees and blobs that are tips, or that tags point at. */
  readonly #direct = new Set<number>();
  readonly #whole = new Set<StoredGroup>();
  /** How many of the network's groups were looked at. */
  #groupCount = 0;
  /** Closed groups of which not all tips are reached. */
  #partial: StoredGroup[] = [];
  /** Trees and blobs of grey groups that the walk reached so far. */
  #grey = new BitSet(0);
  #isGreyComplete = true;
  #tagDigest: { readonly count: number; readonly digest: string } | undefined;

  /** Makes the closure of no tips. */
  constructor(network: NetworkIndex, reader: ObjectReader) {
    this.#network = network;
    this.#reader = reader;
  }

  /** Nodes of the reached commits. */
  get commits(): BitSet {
    return this.#commits;
  }

  /** Positions of the reached tags. */
  get tags(): ReadonlySet<number> {
    return this.#tags;
  }

  /** A digest of the reached tags' ids: equal for equal sets, whatever node is asked. */
  tagDigest(): string {
    const count = this.#tags.size;
    // Tags are only ever added.
    if (this.#tagDigest?.count === count) return this.#tagDigest.digest;
    const oids = Array.from(this.#tags, (position) => this.#network.oidAt(position)).sort();
    const digest = createHash("sha256").update(oids.join(" ")).digest("hex");
    this.#tagDigest = { count, digest };
    return digest;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    const sets = this.#tags.size + this.#direct.size + this.#whole.size;
    return this.#commits.bytes + this.#grey.bytes + sets * 32;
  }

  /**
   * Adds tips and what they reach.
   *
   * @throws `corrupt` when the network lacks a tip
   */
  async extend(tips: readonly Oid[], slices: Slices): Promise<void> {
    this.#commits = new BitSet(this.#network.graph.count, this.#commits);
    const roots: number[] = [];
    for (const oid of tips) {
      const position = this.#network.findOid(oid);
      if (position === NONE) {
        throw new GitStratumError("corrupt", "Miss the object of a reference", { data: { oid } });
      }
      this.#addTip(position, roots);
      if (slices.spend(OBJECT_READ_STEPS / 8)) await slices.pause();
    }
    await this.#network.graph.walk(roots, { into: this.#commits, slices });
    this.#findWholeGroups();
    this.#isGreyComplete = false;
  }

  /** Whether the repository reaches the object at a canonical position. */
  async reaches(position: number, slices: Slices): Promise<boolean> {
    const known = this.reachesNow(position);
    if (known !== undefined) return known;
    await this.#walkGrey(slices);
    return this.#grey.has(position);
  }

  /** What {@link reaches} answers where that takes no walk; undefined where it does. */
  reachesNow(position: number): boolean | undefined {
    if (this.#whole.has(this.#network.groupAt(position))) return true;
    const code = this.#network.typeCodeAt(position);
    if (code === OBJECT_TYPE_CODES.commit) return this.#commits.has(this.#network.nodeAt(position));
    if (code === OBJECT_TYPE_CODES.tag) return this.#tags.has(position);
    if (this.#isCovered(position) || this.#grey.has(position)) return true;
    return this.#isGreyComplete ? false : undefined;
  }

  /** Whether every object of the group is reached. Only known, never walked for. */
  isWhole(group: StoredGroup): boolean {
    return this.#whole.has(group);
  }

  /**
   * Adds every group to a set that holds a commit or a tag that is reached, or something that is a tip.
   * What those link to is in the same groups, or in groups that they refer to.
   */
  async holdersInto(groups: Set<StoredGroup>, slices: Slices): Promise<void> {
    for (const group of this.#network.groups) {
      if (group.commitNodes.some((node) => this.#commits.has(node))) groups.add(group);
      if (slices.spend(group.index.commitCount)) await slices.pause();
    }
    for (const position of [...this.#tags, ...this.#direct]) {
      groups.add(this.#network.groupAt(position));
    }
  }

  #addTip(position: number, roots: number[]): void {
    let at = position;
    for (let next = this.#network.tagTargetAt(at); next !== NONE;) {
      this.#tags.add(at);
      at = next;
      next = this.#network.tagTargetAt(at);
    }
    const node = this.#network.nodeAt(at);
    if (node === NONE) this.#direct.add(at);
    else if (!this.#commits.has(node)) roots.push(node);
  }

  /** Looks at new groups, and again at those that were not whole: most are, from the first time on. */
  #findWholeGroups(): void {
    const { groups } = this.#network;
    const candidates = this.#partial;
    this.#partial = [];
    for (; this.#groupCount < groups.length; this.#groupCount++) {
      const group = groups[this.#groupCount]!;
      if (group.index.closed) candidates.push(group);
    }
    for (const group of candidates) {
      if (group.index.tips.every((tip) => isExternal(tip) || this.#isTipReached(group, tip))) {
        this.#whole.add(group);
      } else {
        this.#partial.push(group);
      }
    }
  }

  #isTipReached(group: StoredGroup, tip: number): boolean {
    const node = group.nodeOf(tip);
    if (node !== NONE) return this.#commits.has(node);
    const position = group.canonical(tip);
    return this.#tags.has(position) || this.#direct.has(position);
  }

  /** Whether any copy of the object is in a whole group. */
  #isCovered(position: number): boolean {
    if (this.#whole.has(this.#network.groupAt(position))) return true;
    for (const copy of this.#network.copiesOf(position)) {
      if (this.#whole.has(this.#network.groupAt(copy))) return true;
    }
    return false;
  }

  /** Completes {@link #grey}. What earlier walks reached is not read again. */
  async #walkGrey(slices: Slices): Promise<void> {
    if (this.#isGreyComplete) return;
    this.#grey = new BitSet(this.#network.size, this.#grey);
    const stack: number[] = [];
    for (const position of this.#direct) this.#enter(position, stack);
    for (const group of this.#network.groups) {
      this.#enterGroup(group, stack);
      if (slices.spend(group.index.commitCount + group.index.externalCount)) await slices.pause();
    }
    for (let tree = stack.pop(); tree !== undefined; tree = stack.pop()) {
      const bytes = this.#reader.readNow(tree) ?? await this.#reader.read(tree);
      const cursor = new TreeCursor(bytes, this.#network.format);
      while (cursor.next()) {
        if (isSubmoduleMode(cursor.mode)) continue;
        this.#enter(requireEntry(this.#network, cursor), stack);
        slices.spend(OBJECT_READ_STEPS / 8);
      }
      if (slices.spend(OBJECT_READ_STEPS)) await slices.pause();
    }
    this.#isGreyComplete = true;
  }

  /** Enters where reached objects lead into grey groups: from a whole group or from its own commits. */
  #enterGroup(group: StoredGroup, stack: number[]): void {
    const { index } = group;
    if (this.#whole.has(group)) {
      for (let row = 0; row < index.externalCount; row++) {
        const position = group.externals[row]!;
        if (index.externalIsLink(row) && position !== NONE) this.#enter(position, stack);
      }
      return;
    }
    for (const node of group.commitNodes) {
      if (this.#commits.has(node)) this.#enter(this.#network.graph.treeAt(node), stack);
    }
  }

  #enter(position: number, stack: number[]): void {
    if (this.#grey.has(position) || this.#isCovered(position)) return;
    const code = this.#network.typeCodeAt(position);
    if (code !== OBJECT_TYPE_CODES.tree && code !== OBJECT_TYPE_CODES.blob) return;
    this.#grey.add(position);
    if (code === OBJECT_TYPE_CODES.tree) stack.push(position);
  }
}

/**
 * The canonical position of a tree entry's object.
 *
 * @throws `corrupt` when the network lacks it
 */
export function requireEntry(network: NetworkIndex, cursor: TreeCursor): number {
  const position = network.find(cursor.bytes, cursor.oidOffset);
  if (position !== NONE) return position;
  throw new GitStratumError("corrupt", "Miss an object that a tree names", {
    data: { name: cursor.name() },
  });
}
