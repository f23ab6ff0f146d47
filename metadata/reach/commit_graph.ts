/**
 * The commits of a network as numbers: parents, generations, times, trees.
 *
 * Built from pack indexes alone; no object is read. A commit is a **node**, numbered in the order in
 * which groups bring them; nodes are only appended. A walk takes what a client lacks into account: at
 * a **cut** node history ends, as if the commit had no parents.
 *
 * @module
 */

import { assert, GitStratumError } from "@gitstratum/core";
import type { BitSet } from "./bit_set.ts";
import { growFloat64, growUint32 } from "./growing_table.ts";
import type { Slices } from "./slices.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";

const NODES_MIN = 1024;
/** Commits that are added between two pauses. */
const COMMITS_PER_STEP = 8192;
/** A generation that is being computed. */
const UNKNOWN = 0;

/** Where a walk goes. */
export interface WalkOptions {
  /** Receives what is reached, its roots included. */
  readonly into: BitSet;
  /** Nodes that are neither entered nor added. */
  readonly stop?: BitSet | undefined;
  /** Nodes without parents for this walk. */
  readonly cut?: ReadonlySet<number> | undefined;
  /** All ancestors of a node where they are known: they are added and not walked. Not with cuts. */
  readonly known?: (node: number) => BitSet | undefined;
  readonly slices: Slices;
}

/** The commit graph of a network. */
export class CommitGraph {
  #count = 0;
  #positions = new Uint32Array(NODES_MIN);
  #trees = new Uint32Array(NODES_MIN);
  #times = new Float64Array(NODES_MIN);
  #generations = new Uint32Array(NODES_MIN);
  /** First row in {@link #parents}; one more than there are nodes. */
  #firsts = new Uint32Array(NODES_MIN + 1);
  #parents = new Uint32Array(NODES_MIN);

  /** Number of nodes. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#positions.length * 28 + this.#parents.byteLength;
  }

  /** Canonical position of a commit. */
  positionAt(node: number): number {
    return this.#positions[node]!;
  }

  /** Canonical position of a commit's tree. */
  treeAt(node: number): number {
    return this.#trees[node]!;
  }

  /** Committer time in seconds. */
  timeSAt(node: number): number {
    return this.#times[node]!;
  }

  /** 1 for a root commit, else one more than the largest of the parents'. */
  generationAt(node: number): number {
    return this.#generations[node]!;
  }

  /** Number of parents. */
  parentCountAt(node: number): number {
    return this.#firsts[node + 1]! - this.#firsts[node]!;
  }

  /** Nodes of a commit's parents, in their order; not to be changed. */
  parentsAt(node: number): Uint32Array {
    return this.#parents.subarray(this.#firsts[node]!, this.#firsts[node + 1]!);
  }

  /**
   * Appends the commits of a group and fills the group's `commitNodes`, in steps of some milliseconds.
   * Nothing leads to its nodes before all steps are done.
   *
   * @throws `corrupt` when a parent or tree is missing from the network
   */
  *adding(group: StoredGroup, nodeAt: (position: number) => number): Generator<void> {
    const first = this.#count;
    this.#number(group, nodeAt);
    const nodesByOrdinal = nodesByOrdinalOf(group);
    for (let commit = 0; commit < group.index.commitCount; commit++) {
      const node = group.commitNodes[commit]!;
      if (commit % COMMITS_PER_STEP === 0) yield;
      if (node < first) continue;
      this.#trees[node] = group.require(group.index.commitTree(commit));
      this.#times[node] = group.index.commitTimeS(commit);
      this.#addParents(node, group.index.commitParents(commit), (reference) => {
        const inside = nodesByOrdinal[reference] ?? NONE;
        return inside === NONE ? nodeAt(group.require(reference)) : inside;
      });
    }
    for (let node = first; node < this.#count; node++) {
      if (node % COMMITS_PER_STEP === 0) yield;
      this.#computeGeneration(node);
    }
  }

  /** Adds everything that the roots reach; see {@link WalkOptions}. Returns the nodes entered. */
  async walk(roots: Iterable<number>, options: WalkOptions): Promise<number> {
    const { into, stop, cut, known, slices } = options;
    assert(known === undefined || cut === undefined, "Known ancestors are of whole histories");
    const stack: number[] = [];
    let entered = 0;
    const visit = (node: number) => {
      if (stop?.has(node) !== true && into.add(node)) stack.push(node);
    };
    for (const root of roots) visit(root);
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (cut?.has(node) === true) continue;
      const ancestors = known?.(node);
      if (ancestors !== undefined) {
        into.unite(ancestors);
        continue;
      }
      entered += 1;
      const end = this.#firsts[node + 1]!;
      for (let row = this.#firsts[node]!; row < end; row++) visit(this.#parents[row]!);
      if (slices.spend(1)) await slices.pause();
    }
    return entered;
  }

  /**
   * Whether every one of `from` reaches some node of `targets`, itself included.
   * History below the lowest generation of the targets is never visited.
   */
  async allReach(
    from: Iterable<number>,
    options: {
      readonly targets: BitSet;
      readonly cut?: ReadonlySet<number> | undefined;
      readonly slices: Slices;
    },
  ): Promise<boolean> {
    const { targets, cut, slices } = options;
    let lowest = Infinity;
    for (const node of targets.items()) lowest = Math.min(lowest, this.generationAt(node));
    /** Known answers: true = reaches a target. */
    const answers = new Map<number, boolean>();
    for (const root of from) {
      const stack = [root];
      for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
        if (slices.spend(2)) await slices.pause();
        const parents = cut?.has(node) === true ? [] : this.parentsAt(node);
        const next = this.#stepToTarget(node, parents, { targets, lowest, answers });
        if (next === NONE) stack.pop();
        else stack.push(next);
      }
      if (answers.get(root) !== true) return false;
    }
    return true;
  }

  /** Whether `ancestor` is one of `nodes` or reached from one. */
  async isAncestor(
    ancestor: number,
    nodes: readonly number[],
    slices: Slices,
  ): Promise<boolean> {
    const wanted = this.generationAt(ancestor);
    const seen = new Set(nodes);
    const stack = [...seen];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at === ancestor) return true;
      if (slices.spend(2)) await slices.pause();
      for (const parent of this.parentsAt(at)) {
        if (this.generationAt(parent) < wanted || seen.has(parent)) continue;
        seen.add(parent);
        stack.push(parent);
      }
    }
    return false;
  }

  /** Answers for `node`, or names the parent whose answer is needed first. */
  #stepToTarget(
    node: number,
    parents: ArrayLike<number>,
    search: {
      readonly targets: BitSet;
      readonly lowest: number;
      readonly answers: Map<number, boolean>;
    },
  ): number {
    const { targets, lowest, answers } = search;
    if (answers.has(node)) return NONE;
    if (targets.has(node)) {
      answers.set(node, true);
      return NONE;
    }
    if (this.generationAt(node) > lowest) {
      for (let index = 0; index < parents.length; index++) {
        const answer = answers.get(parents[index]!);
        if (answer === undefined) return parents[index]!;
        if (answer) {
          answers.set(node, true);
          return NONE;
        }
      }
    }
    answers.set(node, false);
    return NONE;
  }

  /** Gives nodes to the commits that the group brings, and finds those of the others. */
  #number(group: StoredGroup, nodeAt: (position: number) => number): void {
    const { index } = group;
    for (let commit = 0; commit < index.commitCount; commit++) {
      const ordinal = index.commitOrdinal(commit);
      const position = group.canonical(ordinal);
      if (!group.isCanonical(ordinal)) {
        group.commitNodes[commit] = nodeAt(position);
        assert(group.commitNodes[commit] !== NONE, "A further copy of a commit is a commit");
        continue;
      }
      const node = this.#append();
      this.#positions[node] = position;
      group.commitNodes[commit] = node;
    }
  }

  #append(): number {
    const node = this.#count++;
    if (node >= this.#positions.length) {
      const size = this.#positions.length * 2;
      this.#positions = growUint32(this.#positions, size);
      this.#trees = growUint32(this.#trees, size);
      this.#times = growFloat64(this.#times, size);
      this.#generations = growUint32(this.#generations, size);
      this.#firsts = growUint32(this.#firsts, size + 1);
    }
    return node;
  }

  /** Called for new nodes in ascending order, each once. */
  #addParents(
    node: number,
    references: Uint32Array,
    nodeOf: (reference: number) => number,
  ): void {
    let row = this.#firsts[node]!;
    while (row + references.length > this.#parents.length) {
      this.#parents = growUint32(this.#parents, this.#parents.length * 2);
    }
    for (const reference of references) {
      const parent = nodeOf(reference);
      if (parent === NONE) {
        throw new GitStratumError("corrupt", "Find a commit whose parent is no commit");
      }
      this.#parents[row++] = parent;
    }
    this.#firsts[node + 1] = row;
  }

  /** Parents may come after their children in a pack, so this descends first. */
  #computeGeneration(root: number): void {
    const stack = [root];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (this.#generations[node] !== UNKNOWN) {
        stack.pop();
        continue;
      }
      let highest = 0;
      for (const parent of this.parentsAt(node)) {
        const generation = this.#generations[parent]!;
        if (generation === UNKNOWN) stack.push(parent);
        highest = Math.max(highest, generation);
      }
      if (stack.at(-1) !== node) continue;
      this.#generations[node] = highest + 1;
      stack.pop();
    }
  }
}

function nodesByOrdinalOf(group: StoredGroup): Int32Array {
  const nodes = new Int32Array(group.index.historyCount).fill(NONE);
  for (let commit = 0; commit < group.index.commitCount; commit++) {
    nodes[group.index.commitOrdinal(commit)] = group.commitNodes[commit]!;
  }
  return nodes;
}
