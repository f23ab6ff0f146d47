/**
 * Who is on the ring of extents: a pure function of the object nodes and the ring before.
 *
 * What holds of a plan:
 * 1. A node joins the ring once it is active, and leaves it when it is to be emptied, or is not
 *    registered any more. One that is suspect, down or starts again keeps its place: a crash moves no
 *    data.
 * 2. The ring before stays, beside the current one, until every member of the current one told that it
 *    holds all that it owns. While it stays, the current ring may change again; the ring before stays
 *    the last one that was settled, because that is where a copy of everything is.
 * 3. A member that the ring before does not have, and that was given up long ago, is taken off again:
 *    nobody waits for it, and no copy is on it alone, because all writes went to owners of the ring
 *    before as well.
 * 4. Nothing else changes it: a plan made from itself is the same object.
 *
 * How little moves and how zones are spread is up to the ring itself: `core/ring/hash_ring.ts`.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import type { NodeId, NodeState, RingAssignment, RingMember } from "@gitstratum/core/rpc";

/** An object node as the planner sees it. */
export interface RingPlannerNode extends RingMember {
  /** How it is. */
  readonly state: NodeState;
  /** The newest version of the ring of which it told that it holds all that it owns. */
  readonly ringVersion: number;
  /** It was given up so long ago that no hand-over waits for it; not, unless told. */
  readonly isLost?: boolean;
}

/** The ring before any node was on it. */
export const EMPTY_RING: RingAssignment = { version: 0, current: [] };

/** Members that the ring before does not have, while extents are handed over to them. */
export function newMembers({ current, previous }: RingAssignment): NodeId[] {
  if (previous === undefined) return [];
  const settled = new Set(previous.map(({ id }) => id));
  return current.map(({ id }) => id).filter((id) => !settled.has(id));
}

/** Makes the next ring; the same object when it stays as it is. */
export function planRing(
  nodes: readonly RingPlannerNode[],
  before: RingAssignment = EMPTY_RING,
): RingAssignment {
  const wanted = wantedMembers(nodes, before);
  // Nodes that all go at once take the only copies with them: somebody has to come first.
  const empties = wanted.length === 0 && before.current.length > 0;
  if (empties || isDeepStrictEqual(wanted, before.current)) return settle(nodes, before);
  const version = before.version + 1;
  const settled = before.previous ?? before.current;
  // Nobody has anything to hand over to the first ring, nor on the way back to the ring before.
  if (settled.length === 0 || isDeepStrictEqual(settled, wanted)) {
    return { version, current: wanted };
  }
  return { version, current: wanted, previous: settled };
}

function wantedMembers(
  nodes: readonly RingPlannerNode[],
  before: RingAssignment,
): readonly RingMember[] {
  const members = new Set<NodeId>(before.current.map(({ id }) => id));
  const awaited = new Set(newMembers(before));
  const isMember = ({ id, isLost = false }: RingPlannerNode) =>
    members.has(id) && !(isLost && awaited.has(id));
  return nodes
    .filter((node) => node.weight > 0 && belongs(node.state, isMember(node)))
    .map(({ id, zone, weight }) => ({ id, zone, weight }))
    .sort((a, b) => a.id < b.id ? -1 : 1);
}

function belongs(state: NodeState, isMember: boolean): boolean {
  switch (state) {
    case "active":
      return true;
    case "suspect":
    case "down":
    case "joining":
      return isMember;
    case "draining":
      return false;
  }
}

/** Drops the ring before, once all has been handed over. */
function settle(nodes: readonly RingPlannerNode[], before: RingAssignment): RingAssignment {
  if (before.previous === undefined) return before;
  const held = new Map(nodes.map(({ id, ringVersion }) => [id, ringVersion]));
  const isSettled = before.current.every(({ id }) => (held.get(id) ?? 0) >= before.version);
  return isSettled ? { version: before.version, current: before.current } : before;
}
