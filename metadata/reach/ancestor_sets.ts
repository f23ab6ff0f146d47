/**
 * Sets of all ancestors of some commits, kept for the next fetches.
 *
 * A client that follows a branch names nearly the same commit each time. Walking all of its history
 * again would cost more than all the rest of a small fetch, so the walk ends at commits whose
 * ancestors are known.
 *
 * @module
 */

import { BitSet } from "./bit_set.ts";
import type { CommitGraph } from "./commit_graph.ts";
import type { Slices } from "./slices.ts";

/** Sets of one network. */
const SETS_MAX = 8;
/** A shorter walk, about 0.1 ms, is not worth a set. */
const WORTH_COMMITS = 4096;

/** The ancestors of a network's commits, each commit among its own. */
export class AncestorSets {
  readonly #graph: CommitGraph;
  readonly #onGrowth: () => void;
  readonly #worthCommits: number;
  /** By node, the one used longest ago first. Ancestors never change: sets stay true. */
  readonly #sets = new Map<number, BitSet>();

  /**
   * Makes an empty memory for a graph. `onGrowth` is called when it takes more bytes; walks of fewer
   * than `worthCommits` are not kept.
   */
  constructor(
    graph: CommitGraph,
    options: { readonly onGrowth: () => void; readonly worthCommits?: number },
  ) {
    this.#graph = graph;
    this.#onGrowth = options.onGrowth;
    this.#worthCommits = options.worthCommits ?? WORTH_COMMITS;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    return this.#sets.values().reduce((sum, set) => sum + set.bytes, 0);
  }

  /** The commits `nodes` and all of their ancestors, in a set that is the caller's own. */
  async of(nodes: readonly number[], slices: Slices): Promise<BitSet> {
    const { count } = this.#graph;
    const into = new BitSet(count);
    const [highest, ...rest] = nodes.toSorted((left, right) =>
      this.#graph.generationAt(right) - this.#graph.generationAt(left)
    );
    if (highest === undefined) return into;
    const known = (node: number) => this.#use(node);
    const walked = await this.#graph.walk([highest], { into, known, slices });
    if (walked >= this.#worthCommits) this.#keep(highest, new BitSet(count, into));
    await this.#graph.walk(rest, { into, known, slices });
    return into;
  }

  #use(node: number): BitSet | undefined {
    const set = this.#sets.get(node);
    if (set === undefined) return undefined;
    this.#sets.delete(node);
    this.#sets.set(node, set);
    return set;
  }

  #keep(node: number, set: BitSet): void {
    this.#sets.set(node, set);
    const [oldest] = this.#sets.keys();
    if (this.#sets.size > SETS_MAX) this.#sets.delete(oldest!);
    this.#onGrowth();
  }
}
