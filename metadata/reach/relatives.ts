/**
 * Relatives of objects whose delta base is not sent: what they can be sent as deltas of instead.
 *
 * Deltas of a pack form trees. Where nodes of a tree stay behind, what hangs from them is still alike:
 * the nearest sent object above is a relative, else the first one that hangs from the same node.
 *
 * Invariants: relatives form no cycle. Nodes that stay behind make up connected pieces of a tree; a
 * relative is either above its piece, or hangs from the same piece and was placed before.
 *
 * @module
 */

import type { NetworkIndex } from "./network_index.ts";

/** Relatives of relatives in one line; a reader of the pack applies a delta for each. */
const DEPTH_MAX = 50;

/** Finds relatives. */
export class Relatives {
  readonly #network: NetworkIndex;
  readonly #isThere: (position: number) => boolean;
  /** By node that stays behind: the last object found to hang from it. */
  readonly #heirs = new Map<number, number>();
  readonly #relatives = new Map<number, number>();
  readonly #depths = new Map<number, number>();

  /** Knows none yet. `isThere` tells what the client has once it has the pack. */
  constructor(network: NetworkIndex, isThere: (position: number) => boolean) {
    this.#network = network;
    this.#isThere = isThere;
  }

  /**
   * Finds the relative of an object whose delta base stays behind, among those that may precede it;
   * each object is placed once.
   */
  place(position: number, mayPrecede: (relative: number) => boolean = () => true): void {
    const relative = this.#find(position, mayPrecede);
    if (relative !== undefined) this.#relatives.set(position, relative);
  }

  /** The relative of an object that was placed, if it has one. */
  of(position: number): number | undefined {
    return this.#relatives.get(position);
  }

  #find(position: number, mayPrecede: (relative: number) => boolean): number | undefined {
    const passed: number[] = [];
    let found: number | undefined;
    for (let at = this.#baseOf(position); at !== undefined; at = this.#baseOf(at)) {
      if (this.#isThere(at)) {
        if (mayPrecede(at)) found ??= at;
        break;
      }
      passed.push(at);
      const heir = this.#heirs.get(at);
      if (heir !== undefined && mayPrecede(heir)) found ??= heir;
    }
    const depth = found === undefined ? 0 : (this.#depths.get(found) ?? 0) + 1;
    this.#depths.set(position, depth);
    for (const at of passed) {
      // Neighbours in a pack are neighbours in time; only where the line gets long it starts anew.
      if (depth < DEPTH_MAX || !this.#heirs.has(at)) this.#heirs.set(at, position);
    }
    return found;
  }

  #baseOf(position: number): number | undefined {
    const group = this.#network.groupAt(position);
    return group.base(position - group.start);
  }
}
