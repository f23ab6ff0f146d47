/**
 * How each group of a network stands to one fetch.
 *
 * Whole groups are what makes planning cheap: a clone of everything or the fetch of yesterday's
 * pushes is decided group by group, and no tree is opened.
 *
 * @module
 */

import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { isExternal } from "@gitstratum/core/pack";
import type { BitSet } from "./bit_set.ts";
import type { ClientHistory } from "./client_history.ts";
import type { NetworkIndex } from "./network_index.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";

/**
 * - `sent`: every commit, tree and blob of the group is to be sent, and what these link to is sent or
 *   had as a whole too.
 * - `leaky`: as `sent`, but it links to trees or blobs of grey groups, which only its commits tell.
 * - `had`: the client has every commit, tree and blob of the group.
 * - `grey`: none of these.
 */
export type GroupState = "sent" | "leaky" | "had" | "grey";

/** The states of all groups. Tags are never covered by a state: they are chosen one by one. */
export class GroupStates {
  readonly #network: NetworkIndex;
  readonly #states: GroupState[];

  /** Works the states out. */
  constructor(network: NetworkIndex, history: ClientHistory) {
    this.#network = network;
    const direct = new Set(history.wantedTrees);
    this.#states = network.groups.map((group) => {
      if (isWhole(network, group, { commits: history.sent, direct })) return "sent";
      return isWhole(network, group, { commits: history.had, direct: new Set() }) ? "had" : "grey";
    });
    for (const group of network.groups) {
      if (this.#states[group.number] === "sent" && this.#leaks(group)) {
        this.#states[group.number] = "leaky";
      }
    }
  }

  /** The state of a group; one that came later is grey. */
  of(group: StoredGroup): GroupState {
    return this.#states[group.number] ?? "grey";
  }

  /** Whether some copy of the object is in a group of one of these states. */
  covers(position: number, states: readonly GroupState[]): boolean {
    if (states.includes(this.of(this.#network.groupAt(position)))) return true;
    for (const copy of this.#network.copiesOf(position)) {
      if (states.includes(this.of(this.#network.groupAt(copy)))) return true;
    }
    return false;
  }

  #leaks(group: StoredGroup): boolean {
    return group.externals.some((position) => {
      if (position === NONE) return false;
      const code = this.#network.typeCodeAt(position);
      const isGraph = code === OBJECT_TYPE_CODES.commit || code === OBJECT_TYPE_CODES.tag;
      return !isGraph && !this.covers(position, ["sent", "leaky", "had"]);
    });
  }
}

/** Whether the given commits and direct objects take in every commit, tree and blob of the group. */
function isWhole(
  network: NetworkIndex,
  group: StoredGroup,
  reached: { readonly commits: BitSet; readonly direct: ReadonlySet<number> },
): boolean {
  const { index } = group;
  if (!index.closed) return false;
  return index.tips.every((tip) => {
    if (isExternal(tip)) return true;
    const position = network.peel(group.canonical(tip));
    const node = network.nodeAt(position);
    return node === NONE ? reached.direct.has(position) : reached.commits.has(node);
  }) && group.commitNodes.every((node) => reached.commits.has(node));
}
