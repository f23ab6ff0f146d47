/**
 * What each commit of a large group brings: the trees and blobs that none of its parents has at the
 * same path.
 *
 * Purpose: a clone that cuts through a large push (one branch of a mirror, some depth of it) would
 * open every tree on its way. With the lists it reads numbers instead. For commits that are sent with
 * all their parents, the lists of all of them together are what their trees hold.
 *
 * Invariants: a list depends on the commit and its parents alone, not on what was asked for. Lists are
 * made once, when a question needs a good part of them, and take a bounded number of rows; a group
 * whose history is too wild for that has none.
 *
 * @module
 */

import { isTreeMode, OBJECT_TYPE_CODES, type TreeCursor } from "@gitstratum/core/git";
import { growUint32 } from "./growing_table.ts";
import type { NetworkIndex } from "./network_index.ts";
import type { ObjectReader } from "./object_reader.ts";
import { requireEntry } from "./repository_reach.ts";
import { OBJECT_READ_STEPS, type Slices } from "./slices.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";
import { type BaseTree, compareTrees, type OpenBase } from "./tree_comparison.ts";

/** Fewer commits are walked as quickly. */
const COMMITS_MIN = 16;
/** Lists of a group are made when a question needs this part of its commits or more. */
const COMMITS_PART_MIN = 1 / 4;
/** Rows for each object of the group; a usual history takes less than two. */
const ROWS_PER_OBJECT_MAX = 4;

/** The lists of one group. */
interface Lists {
  /** First row of each of the group's commits, and one behind the last. */
  readonly firsts: Uint32Array;
  /** Canonical positions. */
  readonly rows: Uint32Array;
}

/** Lists of the groups of one network. */
export class Introductions {
  readonly #network: NetworkIndex;
  readonly #reader: ObjectReader;
  readonly #onGrowth: () => void;
  /** Undefined stands for a group that has no lists. */
  readonly #lists = new Map<StoredGroup, Promise<Lists | undefined>>();
  #bytes = 0;

  /** Knows no list yet. `onGrowth` is told when {@link bytes} grew. */
  constructor(
    network: NetworkIndex,
    reader: ObjectReader,
    options: { readonly onGrowth: () => void },
  ) {
    this.#network = network;
    this.#reader = reader;
    this.#onGrowth = options.onGrowth;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Lists of a group, for a question about `commitCount` of its commits: positions by number of the
   * commit in the group's index. Undefined when it is better walked.
   */
  async of(
    group: StoredGroup,
    commitCount: number,
    slices: Slices,
  ): Promise<((commit: number) => Uint32Array) | undefined> {
    let made = this.#lists.get(group);
    if (made === undefined) {
      const needed = Math.max(COMMITS_MIN, group.index.commitCount * COMMITS_PART_MIN);
      if (commitCount < needed) return undefined;
      made = this.#make(group, slices);
      this.#lists.set(group, made);
    }
    const lists = await made;
    if (lists === undefined) return undefined;
    const { firsts, rows } = lists;
    return (commit) => rows.subarray(firsts[commit]!, firsts[commit + 1]!);
  }

  /** A failure is forgotten: the next question tries again. */
  async #make(group: StoredGroup, slices: Slices): Promise<Lists | undefined> {
    try {
      const lists = await new ListMaker(this.#network, this.#reader, { group, slices }).make();
      if (lists !== undefined) {
        this.#bytes += lists.firsts.byteLength + lists.rows.byteLength;
        this.#onGrowth();
      }
      return lists;
    } catch (error) {
      this.#lists.delete(group);
      throw error;
    }
  }
}

/** A tree to be compared, with the trees of the parents at its place. */
interface Frame {
  readonly tree: number;
  readonly bases: readonly BaseTree[];
}

/** Makes the lists of one group. */
class ListMaker {
  readonly #network: NetworkIndex;
  readonly #reader: ObjectReader;
  readonly #group: StoredGroup;
  readonly #slices: Slices;
  readonly #rowsMax: number;
  #rows: Uint32Array<ArrayBuffer>;
  #count = 0;
  /** What the commit at hand was found to bring. */
  readonly #found = new Set<number>();
  readonly #stack: Frame[] = [];

  constructor(
    network: NetworkIndex,
    reader: ObjectReader,
    options: { readonly group: StoredGroup; readonly slices: Slices },
  ) {
    this.#network = network;
    this.#reader = reader;
    this.#group = options.group;
    this.#slices = options.slices;
    const { objectCount } = options.group.index;
    this.#rowsMax = objectCount * ROWS_PER_OBJECT_MAX;
    this.#rows = new Uint32Array(objectCount);
  }

  /** The lists, or undefined when they would be too long. */
  async make(): Promise<Lists | undefined> {
    const { commitNodes, index } = this.#group;
    const { graph } = this.#network;
    const counts = new Uint32Array(index.commitCount);
    const starts = new Uint32Array(index.commitCount);
    // Neighbours in history have trees that are deltas of each other.
    const order = Uint32Array.from(commitNodes.keys()).sort((left, right) =>
      graph.generationAt(commitNodes[left]!) - graph.generationAt(commitNodes[right]!)
    );
    for (const commit of order) {
      starts[commit] = this.#count;
      await this.#list(commitNodes[commit]!);
      if (this.#count + this.#found.size > this.#rowsMax) return undefined;
      counts[commit] = this.#found.size;
      this.#keep();
    }
    return inOrder(this.#rows, starts, counts);
  }

  #keep(): void {
    while (this.#count + this.#found.size > this.#rows.length) {
      this.#rows = growUint32(this.#rows, Math.min(this.#rows.length * 2, this.#rowsMax));
    }
    for (const position of this.#found) this.#rows[this.#count++] = position;
    this.#found.clear();
  }

  async #list(node: number): Promise<void> {
    const { graph } = this.#network;
    const bases = Array.from(
      graph.parentsAt(node),
      (parent) => ({ tree: graph.treeAt(parent), isHad: false }),
    );
    this.#visit({ tree: graph.treeAt(node), bases });
    for (let frame = this.#stack.pop(); frame !== undefined; frame = this.#stack.pop()) {
      const bytes = await this.#read(frame.tree);
      const open: OpenBase[] = [];
      for (const { tree, isHad } of frame.bases) {
        open.push({ bytes: await this.#read(tree), isHad });
      }
      compareTrees(bytes, open, { format: this.#network.format, visitor: this });
      // A commit that brings too much is noticed before it fills the memory.
      if (this.#count + this.#found.size > this.#rowsMax) this.#stack.length = 0;
    }
  }

  #visit(frame: Frame): void {
    // What a base at another path shares with the tree is in that base, whose commit lists it.
    if (frame.bases.some((base) => base.tree === frame.tree) || this.#found.has(frame.tree)) return;
    this.#found.add(frame.tree);
    this.#stack.push(frame);
  }

  /** An entry that no parent has at its place. */
  take(cursor: TreeCursor, bases: readonly BaseTree[]): void {
    const position = requireEntry(this.#network, cursor);
    this.#slices.spend(OBJECT_READ_STEPS / 8);
    if (this.#network.typeCodeAt(position) !== OBJECT_TYPE_CODES.tree) this.#found.add(position);
    else this.#visit({ tree: position, bases });
  }

  /** A tree that a parent has at the place of another. */
  leave(cursor: TreeCursor, isHad: boolean, bases: BaseTree[] | undefined): void {
    if (bases === undefined || !isTreeMode(cursor.mode)) return;
    const tree = this.#network.find(cursor.bytes, cursor.oidOffset);
    if (tree === NONE || this.#network.typeCodeAt(tree) !== OBJECT_TYPE_CODES.tree) return;
    bases.push({ tree, isHad });
  }

  async #read(tree: number): Promise<Uint8Array> {
    if (this.#slices.spend(OBJECT_READ_STEPS)) await this.#slices.pause();
    return this.#reader.readNow(tree) ?? await this.#reader.read(tree);
  }
}

/** Runs of rows, put into the order of their commits. */
function inOrder(rows: Uint32Array, starts: Uint32Array, counts: Uint32Array): Lists {
  const firsts = new Uint32Array(counts.length + 1);
  for (let commit = 0; commit < counts.length; commit++) {
    firsts[commit + 1] = firsts[commit]! + counts[commit]!;
  }
  const sorted = new Uint32Array(firsts.at(-1)!);
  for (let commit = 0; commit < counts.length; commit++) {
    const start = starts[commit]!;
    sorted.set(rows.subarray(start, start + counts[commit]!), firsts[commit]!);
  }
  return { firsts, rows: sorted };
}
