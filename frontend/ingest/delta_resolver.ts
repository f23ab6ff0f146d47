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
import { NumberList } from "./number_list.ts";
import { ENTRY_IS_RESOLVED, rowOfBase } from "./object_table.ts";
import type { PackObjects } from "./pack_objects.ts";

const NONE = -1;

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

  /** Makes a resolver; `entryCount` entries were scanned. */
  constructor(objects: PackObjects, deferred: NumberList, entryCount: number) {
    this.#objects = objects;
    this.#deferred = deferred;
    this.#firstChild = new Int32Array(deferred.count === 0 ? 0 : entryCount).fill(NONE);
    this.#nextSibling = new Int32Array(this.#firstChild.length).fill(NONE);
    // Backwards, so that the children of a base end up in the order of the pack.
    for (let index = deferred.count - 1; index >= 0; index--) this.#attach(deferred.at(index));
  }

  /**
   * Resolves whatever hangs on objects of the pack that are resolved by now.
   *
   * @throws `invalid`
   */
  *resolveFromPack(): Generator<void> {
    const { table } = this.#objects;
    for (let entry = 0; entry < this.#firstChild.length; entry++) {
      if (!table.is(entry, ENTRY_IS_RESOLVED)) continue;
      yield* this.#resolveBelow(this.#takeChildren(entry), entry);
    }
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
