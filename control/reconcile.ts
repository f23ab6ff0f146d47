/**
 * One look of the controller, as a pure function: from registrations, signs of life and the topology
 * before to the topology after.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import {
  decodePartitionSet,
  type DiskFullness,
  nextReleaseLevel,
  type NodeId,
  type NodeState,
  type RingAssignment,
  type Topology,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import {
  adopt,
  downMs,
  type Member,
  memberState,
  step,
  type StepContext,
  wakeAtMs,
} from "./member.ts";
import type { AliveRecord, NodeRecord } from "./node_registry.ts";
import { type PlannerNode, planPartitions } from "./partition_planner.ts";
import { newMembers, planRing } from "./ring_planner.ts";

/** What a controller remembers between looks; lost with it, which only prolongs suspicions. */
export type Members = ReadonlyMap<NodeId, Member>;

/** What is the case now. */
export interface Look {
  /** All registrations. */
  readonly nodes: readonly NodeRecord[];
  /** Signs of life that have not run out. */
  readonly alive: ReadonlyMap<NodeId, AliveRecord>;
  /** The topology before. */
  readonly topology: Topology;
  /** The cluster's id. */
  readonly cluster: string;
  /** The cluster's release level so far; that of the topology before unless told. */
  readonly level?: number;
}

/** What follows from a look. */
export interface Reconciled {
  /** What to remember until the next look. */
  readonly members: Members;
  /** The same object as before when nothing changed, else one version later. */
  readonly topology: Topology;
  /** When to look again though nothing was heard, by the controller's monotonic clock. */
  readonly wakeAtMs: number | undefined;
}

/** Decides the state of each node and who serves which partition. */
export function reconcile(look: Look, members: Members, context: StepContext): Reconciled {
  const published = new Map(look.topology.nodes.map((node) => [node.id, node]));
  const next = new Map<NodeId, Member>();
  for (const record of look.nodes) {
    const found = published.get(record.id);
    const before = members.get(record.id) ?? (found && adopt(found, context));
    next.set(record.id, step(before, observe(record, look.alive.get(record.id)), context));
  }
  const nodes = look.nodes.map((record) =>
    publish({ ...record, ...levelOf(record, look.alive.get(record.id)) }, next.get(record.id)!)
  );
  nodes.sort((a, b) => a.id < b.id ? -1 : 1);
  const partitions = planPartitions(
    nodes.filter(({ role }) => role === "metadata")
      .map((node) => forPartitions(node, look.alive.get(node.id))),
    look.topology.partitions,
    { replicaCount: context.policy.metadataReplicaCount },
  );
  const { nowMs, policy } = context;
  const rings = planRing(
    nodes.filter(({ role }) => role === "object").map((node) => ({
      ...node,
      ringVersion: look.alive.get(node.id)?.ringVersion ?? 0,
      isLost: downMs(next.get(node.id)!, nowMs) >= policy.newMemberPatienceMs,
    })),
    look.topology.rings,
  );
  const { cluster } = look;
  // Nodes that are away count: they may come back, and some of them still act.
  const level = nextReleaseLevel(
    look.level ?? look.topology.level,
    nodes.map((node) => node.level),
  );
  return {
    members: next,
    topology: revise(look.topology, { cluster, level, nodes, partitions, rings }),
    wakeAtMs: first(next, { rings, context }),
  };
}

function observe(record: NodeRecord, alive: AliveRecord | undefined) {
  const isAlive = alive?.incarnation === record.incarnation;
  return {
    incarnation: record.incarnation,
    draining: record.draining,
    hasLeft: record.left ?? false,
    isAlive,
    isReady: isAlive && alive.ready,
  };
}

/** A control node of an earlier release may have dropped it from one of the two. */
function levelOf(record: NodeRecord, alive: AliveRecord | undefined): { readonly level?: number } {
  const level = (alive?.incarnation === record.incarnation ? alive.level : undefined) ??
    record.level;
  return level === undefined ? {} : { level };
}

/** A metadata node as its partitions see it, as far as this incarnation told. */
function forPartitions(node: TopologyNode, alive: AliveRecord | undefined): PlannerNode {
  if (alive?.incarnation !== node.incarnation) return node;
  const { caughtUp, diskFull } = alive;
  const known = caughtUp === undefined ? {} : { caughtUp: decodePartitionSet(caughtUp) };
  return { ...node, ...known, state: stateWithDisk(node.state, diskFull) };
}

/** A full disk takes nothing new, and then gives away what it has where others can take it. */
function stateWithDisk(state: NodeState, diskFull: DiskFullness | undefined): NodeState {
  if (state !== "active" || diskFull === undefined) return state;
  return diskFull === "lately" ? "suspect" : "draining";
}

function publish(record: NodeRecord, member: Member): TopologyNode {
  const { id, role, address, zone, weight, incarnation, level, repairPaused } = record;
  const described = { id, role, address, zone, weight, incarnation };
  return {
    ...described,
    ...(level === undefined ? {} : { level }),
    ...(repairPaused ? { repairPaused } : {}),
    state: memberState(member),
  };
}

function revise(
  before: Topology,
  parts: Required<Pick<Topology, "cluster" | "level" | "nodes" | "partitions" | "rings">>,
): Topology {
  // A cluster of no nodes has nothing to tell.
  if (before.version === 0 && parts.nodes.length === 0) return before;
  const { cluster, level, nodes, partitions, rings } = before;
  if (isDeepStrictEqual({ cluster, level, nodes, partitions, rings }, parts)) return before;
  return { ...before, version: before.version + 1, ...parts };
}

/** When to look again: a suspicion runs out, or the patience with a new member of the ring. */
function first(
  members: Members,
  parts: { readonly rings: RingAssignment; readonly context: StepContext },
): number | undefined {
  const { nowMs, policy } = parts.context;
  const awaited = newMembers(parts.rings).flatMap((id) => {
    const member = members.get(id);
    if (member?.liveness.kind !== "down") return [];
    return nowMs - downMs(member, nowMs) + policy.newMemberPatienceMs;
  });
  const times = [...members.values()].flatMap((member) => wakeAtMs(member) ?? []).concat(awaited);
  return times.length === 0 ? undefined : Math.min(...times);
}
