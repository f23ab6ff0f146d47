/**
 * What a control node tells those who follow its topology, one JSON value a line: the whole map first,
 * then what changed, and a sign of life when nothing does.
 *
 * A change says from which version to which it leads; it fits that version only. Whoever has another
 * one begins anew with a whole map.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import {
  type NodeId,
  nodeIdSchema,
  type PartitionAssignment,
  partitionAssignmentSchema,
  type RingAssignment,
  ringAssignmentSchema,
  type RingPolicy,
  ringPolicySchema,
  type Topology,
  type TopologyNode,
  topologyNodeSchema,
  topologySchema,
} from "./topology.ts";

/** The way from one topology to a later one. */
export interface TopologyChange {
  /** The version that it changes. */
  readonly from: number;
  /** The version that it makes. */
  readonly version: number;
  /** Nodes that are new or differ. */
  readonly nodes: readonly TopologyNode[];
  /** Nodes that are gone. */
  readonly removed: readonly NodeId[];
  /** Partitions that differ, by number. */
  readonly partitions: readonly (readonly [number, PartitionAssignment])[];
  /** How many copies extents have, when that differs. */
  readonly ring?: RingPolicy;
  /** Who holds extents, when that differs. */
  readonly rings?: RingAssignment;
}

/** A line of the stream. */
export type TopologyLine =
  | { readonly kind: "whole"; readonly topology: Topology }
  | ({ readonly kind: "change" } & TopologyChange)
  /** Nothing is newer than this version. */
  | { readonly kind: "alive"; readonly version: number };

const versionSchema = z.int().nonnegative();

/** Schema of {@link TopologyLine}; later releases may add members. */
export const topologyLineSchema: z.ZodType<TopologyLine> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("whole"), topology: topologySchema }),
  z.object({
    kind: z.literal("change"),
    from: versionSchema,
    version: versionSchema,
    nodes: z.array(topologyNodeSchema),
    removed: z.array(nodeIdSchema),
    partitions: z.array(z.tuple([versionSchema, partitionAssignmentSchema])),
    ring: ringPolicySchema.exactOptional(),
    rings: ringAssignmentSchema.exactOptional(),
  }),
  z.object({ kind: z.literal("alive"), version: versionSchema }),
]);

/** What leads from one topology to a later one; undefined when only the whole later one can tell. */
export function topologyChange(before: Topology, after: Topology): TopologyChange | undefined {
  const lostRings = before.rings !== undefined && after.rings === undefined;
  if (before.partitions.length !== after.partitions.length || lostRings) return undefined;
  // Set once, or once in an upgrade: whole topologies tell it.
  if (before.cluster !== after.cluster || before.level !== after.level) return undefined;
  const known = new Map(before.nodes.map((node) => [node.id, node]));
  const ids = new Set(after.nodes.map(({ id }) => id));
  return {
    from: before.version,
    version: after.version,
    nodes: after.nodes.filter((node) => !isDeepStrictEqual(known.get(node.id), node)),
    removed: before.nodes.filter(({ id }) => !ids.has(id)).map(({ id }) => id),
    partitions: [...after.partitions.entries()].filter(([number, assignment]) =>
      !isSameAssignment(before.partitions[number]!, assignment)
    ),
    ...(isDeepStrictEqual(before.ring, after.ring) ? {} : { ring: after.ring }),
    ...(after.rings === undefined || isDeepStrictEqual(before.rings, after.rings)
      ? {}
      : { rings: after.rings }),
  };
}

/** The topology that a change makes; undefined when it does not fit the one before. */
export function applyTopologyChange(
  before: Topology,
  change: TopologyChange,
): Topology | undefined {
  const fits = change.from === before.version && change.version > change.from &&
    change.partitions.every(([number]) => number < before.partitions.length);
  if (!fits) return undefined;
  const nodes = new Map(before.nodes.map((node) => [node.id, node]));
  for (const id of change.removed) nodes.delete(id);
  for (const node of change.nodes) nodes.set(node.id, node);
  const partitions = [...before.partitions];
  for (const [number, assignment] of change.partitions) partitions[number] = assignment;
  return {
    ...before,
    version: change.version,
    nodes: [...nodes.values()].sort((a, b) => a.id < b.id ? -1 : 1),
    partitions,
    ring: change.ring ?? before.ring,
    ...(change.rings === undefined ? {} : { rings: change.rings }),
  };
}

/** Compared for each partition of each change, so without walking over objects. */
function isSameAssignment(a: PartitionAssignment, b: PartitionAssignment): boolean {
  return a.primary === b.primary && a.followers.length === b.followers.length &&
    a.followers.every((id, index) => id === b.followers[index]);
}
