/**
 * The second pass over a pack: deltas that could not be resolved while it was scanned.
 *
 * Depth first from bases that are resolved, in the order of the pack, so that a base is still in
 * memory when its deltas come. Bases that the pack lacks are asked for in batches; when the network
 * does not have them either, the pack is refused. A cycle shows in the same way: none of its objects
 * ever gets an id, so each lacks its base.
 *
 * @module
 */

import { badPack } from "./bad_pack.ts";
import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { NumberList } from "./number_list.ts";
import { ENTRY_IS_DUPLICATE, ENTRY_IS_RESOLVED, rowOfBase } from "./object_table.ts";
import type { PackObjects } from "./pack_objects.ts";

const NONE = -1;
/** What an object costs beside its bytes, in bytes: calls, hashing's beginning and end. */
const OBJECT_COST_BYTES = 8192;
/** Trees are hashed and then walked twice. */
const TREE_COST_FACTOR = 2;

/** Resolves the deltas of one pack that were deferred. */
export class DeltaResolver {
  readonly #objects: PackObjects;
  readonly #deferred: NumberList;
  /** By entry: the first delta that waits for it, and the next delta with the same base. */
  readonly #firstChild: Int32Array;
  readonly #nextSibling: Int32Array;
  /** By id row: the first delta that waits for the object of that id. */
  readonly #firstOfRow = new Map<number, number>();

  /** Deltas that were resolved here, in order. */
  readonly resolved: NumberList = new NumberList();
  #adoptedCount = 0;

  /** Makes a resolver; `entryCount` entries were scanned. */
  constructor(objects: PackObjects, deferred: NumberList, entryCount: number) {
    this.#objects = objects;
    this.#deferred = deferred;
    this.#firstChild = new Int32Array(deferred.count === 0 ? 0 : entryCount).fill(NONE);
    this.#nextSibling = new Int32Array(this.#firstChild.length).fill(NONE);
    // Backwards, so that the children of a base end up in the order of the pack.
    for (let index = deferred.count - 1; index >= 0; index--) this.#attach(deferred.at(index));
  }

  /** Deltas that were resolved, here or elsewhere. */
  get resolvedCount(): number {
    return this.resolved.count + this.#adoptedCount;
  }

  /**
   * Resolves whatever hangs on objects of the pack, but for the share from `split` on.
   *
   * @throws `invalid`
   */
  *resolveFromPack(split = Infinity): Generator<void> {
    const { table } = this.#objects;
    for (let entry = 0; entry < this.#firstChild.length; entry++) {
      if (!table.is(entry, ENTRY_IS_RESOLVED)) continue;
      // Only who has the ids knows which object a duplicate stands for.
      if (entry >= split && !table.is(entry, ENTRY_IS_DUPLICATE)) continue;
      yield* this.#resolveBelow(this.#takeChildren(entry), entry);
    }
  }

  /** Resolves what {@link resolveFromPack} leaves out. @throws `invalid` */
  *resolveShare(split: number): Generator<void> {
    const { table } = this.#objects;
    for (let entry = split; entry < this.#firstChild.length; entry++) {
      if (!table.is(entry, ENTRY_IS_RESOLVED) || table.is(entry, ENTRY_IS_DUPLICATE)) continue;
      yield* this.#resolveBelow(this.#firstChild[entry]!, entry);
    }
  }

  /**
   * Notes deltas that were resolved elsewhere, each with its base, and resolves what waited for the ids
   * of a share.
   *
   * @throws `invalid`
   */
  *resolveAdopted(
    share: { readonly entries: Uint32Array; readonly bases: Int32Array },
  ): Generator<void> {
    this.#adoptedCount += share.entries.length;
    for (const entry of share.entries) this.#firstChild[entry] = NONE;
    for (const base of share.bases) this.#firstChild[base] = NONE;
    yield* this.resolveFromPack();
  }

  /** The first entry of a share that is half of the work, as far as can be told. */
  split(): number {
    const { table } = this.#objects;
    const roots = new Int32Array(this.#firstChild.length).fill(NONE);
    const costs = new Float64Array(roots.length);
    let total = 0;
    for (const entry of this.#deferred.items) {
      const base = table.bases[entry]!;
      // What waits for an id is resolved by whoever has the ids. Other bases come before their deltas.
      if (base < 0) continue;
      const root = table.is(base, ENTRY_IS_RESOLVED) ? base : roots[base]!;
      if (root === NONE || table.is(root, ENTRY_IS_DUPLICATE)) continue;
      roots[entry] = root;
      const factor = table.types[root] === OBJECT_TYPE_CODES.tree ? TREE_COST_FACTOR : 1;
      const cost = (table.sizes[root]! + OBJECT_COST_BYTES) * factor;
      costs[root]! += cost;
      total += cost;
    }
    let share = 0;
    let split = costs.length;
    while (split > 0 && share < total / 2) share += costs[--split]!;
    return split;
  }

  /** Id rows of bases that the pack lacks, in the order in which the pack names them. */
  missingRows(): number[] {
    const rows = new Set<number>();
    for (const entry of this.#deferred.items) {
      const base = this.#objects.table.bases[entry]!;
      if (!this.#objects.table.is(entry, ENTRY_IS_RESOLVED) && base < NONE) {
        rows.add(rowOfBase(base));
      }
    }
    return [...rows];
  }

  /** Resolves whatever hangs on an object of the network. @throws `invalid` */
  *resolveFromNetwork(row: number, external: number): Generator<void> {
    const first = this.#firstOfRow.get(row) ?? NONE;
    this.#firstOfRow.delete(row);
    yield* this.#resolveBelow(first, external);
  }

  /** Makes sure that nothing is left. @throws `invalid` with the first delta that is */
  finish(): void {
    const { table, ids } = this.#objects;
    for (const entry of this.#deferred.items) {
      if (table.is(entry, ENTRY_IS_RESOLVED)) continue;
      const base = table.bases[entry]!;
      if (base > NONE) continue;
      throw badPack("Reject a pack that lacks the base of a delta", {
        offset: table.offsets[entry]!,
        base: ids.hex(rowOfBase(base)),
      });
    }
  }

  #attach(entry: number): void {
    const base = this.#objects.table.bases[entry]!;
    if (base > NONE) {
      this.#nextSibling[entry] = this.#firstChild[base]!;
      this.#firstChild[base] = entry;
    } else {
      const row = rowOfBase(base);
      this.#nextSibling[entry] = this.#firstOfRow.get(row) ?? NONE;
      this.#firstOfRow.set(row, entry);
    }
  }

  /** The deltas that wait for an entry, and those that wait for its id: the head of one list. */
  #takeChildren(entry: number): number {
    const first = this.#firstChild[entry]!;
    this.#firstChild[entry] = NONE;
    if (this.#firstOfRow.size === 0) return first;
    const row = this.#objects.table.ids[entry]!;
    const named = this.#firstOfRow.get(row);
    if (named === undefined) return first;
    this.#firstOfRow.delete(row);
    let last = named;
    while (this.#nextSibling[last] !== NONE) last = this.#nextSibling[last]!;
    this.#nextSibling[last] = first;
    return named;
  }

  /** Resolves a list of deltas of one base and all that hangs on them, depth first. */
  *#resolveBelow(first: number, base: number): Generator<void> {
    /** Pairs: the next delta of a list, and the base of the list. */
    const stack: number[] = [];
    if (first !== NONE) stack.push(first, base);
    while (stack.length > 0) {
      const parent = stack.pop()!;
      const entry = stack.pop()!;
      const next = this.#nextSibling[entry]!;
      if (next !== NONE) stack.push(next, parent);
      this.#objects.resolve(entry, parent);
      this.resolved.push(entry);
      const child = this.#takeChildren(entry);
      if (child !== NONE) stack.push(child, entry);
      yield;
    }
  }
}
