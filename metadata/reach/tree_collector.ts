/**
 * Collects the trees and blobs that commits bring, by comparing each commit's tree with those of its
 * parents.
 *
 * An entry that equals one of a parent under the same name is left out: the parent is sent too, and
 * brings it itself, or the client has the parent. So equal subtrees are never opened. What the old side
 * of a difference holds while the client has that parent is noted as had, which finds most renames and
 * the bases of thin deltas.
 *
 * Commits must be added parents first: a base is complete before anything is left to it, so a tree that
 * was visited once is complete whatever it was compared with.
 *
 * @module
 */

import {
  isSubmoduleMode,
  isTreeMode,
  OBJECT_TYPE_CODES,
  type TreeCursor,
} from "@gitstratum/core/git";
import { BitSet } from "./bit_set.ts";
import { type FilterPolicy, passes } from "./filter_policy.ts";
import type { NetworkIndex } from "./network_index.ts";
import type { ObjectReader } from "./object_reader.ts";
import { requireEntry } from "./repository_reach.ts";
import { OBJECT_READ_STEPS, type Slices } from "./slices.ts";
import { type BaseTree, compareTrees, type OpenBase } from "./tree_comparison.ts";
import { NONE } from "./stored_group.ts";

/** How the collector treats objects that it meets. */
export interface CollectorRules {
  readonly policy: FilterPolicy;
  /** Whether the object and everything below it need not be looked at. */
  readonly isSettled: (position: number) => boolean;
  /** Whether a blob's path passes; undefined when paths do not matter. */
  readonly passesPath?: ((path: string) => boolean) | undefined;
}

interface Frame {
  readonly tree: number;
  readonly bases: readonly BaseTree[];
  /** Of the tree; -1 for one that was asked for by id. */
  readonly depth: number;
  /** Of the tree, with a slash behind it; empty unless paths matter. */
  readonly path: string;
}

/** Collects objects over many commits. */
export class TreeCollector {
  /** Positions of the objects found. */
  readonly collected: BitSet;
  /** Positions that the client is known to have from the old sides of differences. */
  readonly had: BitSet;
  readonly #network: NetworkIndex;
  readonly #reader: ObjectReader;
  readonly #rules: CollectorRules;
  readonly #slices: Slices;
  readonly #visited = new Map<number | string, number>();
  readonly #stack: Frame[] = [];

  /** Makes a collector that found nothing yet. */
  constructor(
    network: NetworkIndex,
    options: {
      readonly reader: ObjectReader;
      readonly rules: CollectorRules;
      readonly slices: Slices;
    },
  ) {
    this.#network = network;
    this.#reader = options.reader;
    this.#rules = options.rules;
    this.#slices = options.slices;
    this.collected = new BitSet(network.size);
    this.had = new BitSet(network.size);
  }

  /** Collects what a root tree has and none of the bases. */
  async addRoot(tree: number, bases: readonly BaseTree[]): Promise<void> {
    await this.#run({ tree, bases, depth: 0, path: "" });
  }

  /** Collects a tree or blob that was asked for by id: itself in any case. */
  async addWanted(position: number): Promise<void> {
    this.collected.add(position);
    if (this.#network.typeCodeAt(position) !== OBJECT_TYPE_CODES.tree) return;
    await this.#run({ tree: position, bases: [], depth: -1, path: "" });
  }

  /** Collects a tree or blob by itself, whatever is below it. Paths must not matter. */
  addListed(position: number): void {
    if (this.#network.typeCodeAt(position) === OBJECT_TYPE_CODES.blob) {
      this.#collectBlob(position, "");
    } else if (this.#rules.policy.types.has("tree") && !this.#rules.isSettled(position)) {
      this.collected.add(position);
    }
  }

  async #run(first: Frame): Promise<void> {
    this.#visit(first);
    for (let frame = this.#stack.pop(); frame !== undefined; frame = this.#stack.pop()) {
      const bytes = await this.#bytes(frame.tree);
      const bases: OpenBase[] = [];
      for (const { tree, isHad } of frame.bases) {
        bases.push({ bytes: await this.#bytes(tree), isHad });
      }
      const parent = frame;
      compareTrees(bytes, bases, {
        format: this.#network.format,
        visitor: {
          take: (cursor, equals) => this.#take(parent, cursor, equals),
          leave: (cursor, isHad, equals) => this.#noteOldSide(cursor, isHad, equals),
        },
      });
    }
  }

  /** Collects a tree and puts it on the stack when it is to be opened. */
  #visit(frame: Frame): void {
    const { tree, depth } = frame;
    const { policy, isSettled } = this.#rules;
    if (depth >= policy.depthEnd || isSettled(tree) || this.had.has(tree)) return;
    if (frame.bases.some((base) => base.tree === tree)) return;
    const key = this.#rules.passesPath === undefined ? tree : `${tree} ${frame.path}`;
    const before = this.#visited.get(key);
    // A tree met again less deep shows more of what is below it.
    if (before !== undefined && (before <= depth || policy.depthEnd === Infinity)) return;
    this.#visited.set(key, depth);
    if (depth >= 0 && policy.types.has("tree")) this.collected.add(tree);
    if (depth + 1 < policy.depthEnd) this.#stack.push(frame);
  }

  /** An entry of a base that the new tree lacks or has with another id. */
  #noteOldSide(cursor: TreeCursor, isHad: boolean, bases: BaseTree[] | undefined): void {
    if (isSubmoduleMode(cursor.mode)) return;
    if (!isHad && (bases === undefined || !isTreeMode(cursor.mode))) return;
    const position = this.#network.find(cursor.bytes, cursor.oidOffset);
    if (position === NONE) return;
    if (isHad) this.had.add(position);
    if (bases !== undefined && this.#network.typeCodeAt(position) === OBJECT_TYPE_CODES.tree) {
      bases.push({ tree: position, isHad });
    }
  }

  /** An entry that no base has under its name. */
  #take(frame: Frame, cursor: TreeCursor, bases: readonly BaseTree[]): void {
    const position = requireEntry(this.#network, cursor);
    const path = this.#rules.passesPath === undefined ? "" : frame.path + cursor.name();
    const depth = frame.depth + 1;
    if (this.#network.typeCodeAt(position) === OBJECT_TYPE_CODES.tree) {
      this.#visit({ tree: position, bases, depth, path: path === "" ? "" : `${path}/` });
    } else if (depth < this.#rules.policy.depthEnd) this.#collectBlob(position, path);
    this.#slices.spend(OBJECT_READ_STEPS / 8);
  }

  #collectBlob(position: number, path: string): void {
    const { policy, isSettled, passesPath } = this.#rules;
    if (this.collected.has(position) || this.had.has(position) || isSettled(position)) return;
    const group = this.#network.groupAt(position);
    if (!passes(policy, "blob", group.index.sizeAt(position - group.start))) return;
    if (passesPath !== undefined && !passesPath(path)) return;
    this.collected.add(position);
  }

  async #bytes(tree: number): Promise<Uint8Array> {
    if (this.#slices.spend(OBJECT_READ_STEPS)) await this.#slices.pause();
    return this.#reader.readNow(tree) ?? await this.#reader.read(tree);
  }
}
