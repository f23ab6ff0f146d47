/**
 * The contract of the control plane: which nodes there are, what they are for, how they are.
 *
 * Nothing on the path of a request waits for it: whoever needs the topology holds a copy, and an old
 * one costs a detour, never data, because every write is fenced where it happens.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError } from "../../error.ts";
import { PARTITION_COUNT } from "../../limits.ts";
import { HashRing } from "../../ring/hash_ring.ts";
import { checkedText } from "../checked_text.ts";
import type { ChangeBasis } from "../control_basis.ts";
import { parseRequestId, type RequestId } from "../ids.ts";
import { partitionSetSchema } from "./partition_set.ts";
import type { SpokenLevels } from "./release_level.ts";

/** Name of a node: lower-case letters, digits and hyphens; kept over restarts. */
export type NodeId = string & { readonly __brand: "NodeId" };

/** What a node does. */
export type NodeRole = "control" | "metadata" | "object" | "frontend";

/**
 * How a node is:
 * - `joining`: registered, not ready yet; has no duties.
 * - `active`: ready and heard from.
 * - `suspect`: not heard from; keeps its duties, gets no new ones.
 * - `down`: given up; has to register again before it counts.
 * - `draining`: to be emptied; keeps duties only until others have them.
 */
export type NodeState = "joining" | "active" | "suspect" | "down" | "draining";

/** A node as everybody sees it. */
export interface TopologyNode {
  /** Its name. */
  readonly id: NodeId;
  /** What it does. */
  readonly role: NodeRole;
  /** Base URL of its service. */
  readonly address: string;
  /** Failure domain. */
  readonly zone: string;
  /** Share of the data against other nodes of its role. */
  readonly weight: number;
  /** How it is. */
  readonly state: NodeState;
  /** Counts the node's registrations: whoever speaks for an older one is not it any more. */
  readonly incarnation: number;
  /** The newest release level that it speaks; absent for a node that tells none. */
  readonly level?: number;
  /** Of an object node: an operator holds up its repairs and hand-overs; absent = nobody does. */
  readonly repairPaused?: boolean;
}

/** Who serves a partition. */
export interface PartitionAssignment {
  /** The only node that may append; null while no node can. */
  readonly primary: NodeId | null;
  /** Nodes that tail the partition's log and can take over. */
  readonly followers: readonly NodeId[];
}

/** How extents are placed. */
export interface RingPolicy {
  /** Copies of each extent. */
  readonly replicaCount: number;
  /** Copies that are durable before a write is acknowledged. */
  readonly writeQuorum: number;
}

/** A node's place on the ring of extents. */
export interface RingMember {
  /** An object node. */
  readonly id: NodeId;
  /** Its failure domain. */
  readonly zone: string;
  /** Share of the data against other members. */
  readonly weight: number;
}

/** The ring of extents, and the one before while data is handed over from it. */
export interface RingAssignment {
  /** Grows with each change of members; 0 before the first member. */
  readonly version: number;
  /** Who owns extents, in order of ids. Nodes that are away keep their place. */
  readonly current: readonly RingMember[];
  /**
   * Who owned them before. Writes and reads go to owners of both rings. It is dropped once every
   * member of the current ring told that it holds all that it owns.
   */
  readonly previous?: readonly RingMember[];
}

/** The map of the cluster. */
export interface Topology {
  /** Which cluster it is; absent before the first controller, and from the release before. */
  readonly cluster?: string;
  /** Grows with each change; 0 before the first. */
  readonly version: number;
  /** The cluster's release level: see {@link releaseLevelOf}. Absent as long as nobody told one. */
  readonly level?: number;
  /** In order of their ids. */
  readonly nodes: readonly TopologyNode[];
  /** By partition number; always all of them. */
  readonly partitions: readonly PartitionAssignment[];
  /** How many copies extents have. */
  readonly ring: RingPolicy;
  /** Who holds extents; absent in a topology that the release before wrote. */
  readonly rings?: RingAssignment;
}

/** A node that comes up. Without levels it is of the first. */
export interface RegisterNodeRequest extends Partial<SpokenLevels> {
  /** Kept over restarts. */
  readonly id: NodeId;
  /** Fixed for an id. */
  readonly role: NodeRole;
  /** Base URL of its service, http or https. */
  readonly address: string;
  /** Failure domain; machines that may fail together share one. */
  readonly zone: string;
  /** Share of the data against other nodes of its role; 0 gets none. */
  readonly weight: number;
  /** Whether it can take duties at once. */
  readonly ready: boolean;
  /** The cluster that its data belongs to; absent for a node that has none yet. */
  readonly cluster?: string;
  /** Drawn for one registration, however often it is sent: only the first copy counts. */
  readonly attempt?: RequestId;
}

/** What a registered node has to know. */
export interface NodeRegistration {
  /** To be named in every heartbeat. */
  readonly incarnation: number;
  /** Time between heartbeats in milliseconds; the node is suspected after a few missed ones. */
  readonly heartbeatIntervalMs: number;
  /** The cluster that the node belongs to from now on; absent from the release before. */
  readonly cluster?: string;
  /** The cluster's release level; absent from a control node of the first. */
  readonly level?: number;
}

/** A sign of life. */
export interface HeartbeatRequest {
  /** What the registration answered. */
  readonly incarnation: number;
  /** Whether it can take duties now. */
  readonly ready: boolean;
  /**
   * Of an object node: the newest version of {@link RingAssignment} of which it holds all that it owns.
   * Absent while there is none.
   */
  readonly ringVersion?: number;
  /** The newest release level that it speaks, as when it registered. */
  readonly level?: number;
  /**
   * Of a metadata node: the partitions that it could serve at once, because its tables are close behind
   * their logs; see {@link encodePartitionSet}. Absent while it does not know, and from earlier releases.
   */
  readonly caughtUp?: string;
  /**
   * Of a metadata node whose disk is full: `lately` it became so, and takes no more duties, or it is
   * `lasting`, and others should have its partitions, if others can. Absent while there is room.
   */
  readonly diskFull?: DiskFullness;
}

/** See {@link HeartbeatRequest.diskFull}. */
export type DiskFullness = "lately" | "lasting";

/** What a node learns from its heartbeat. */
export interface HeartbeatResult {
  /** Its own state; `down` means: register again. */
  readonly state: NodeState;
  /** Version of the newest topology. */
  readonly topologyVersion: number;
}

/** The control plane. Commands of operators that have a basis are done while it holds, else not at all. */
export interface Control {
  /** The newest topology. */
  topology(): Promise<Topology>;
  /**
   * Makes a node known under a new incarnation, which ends any older one.
   *
   * @throws `already-exists` when the id belongs to a node of another role
   * @throws `denied` when the node's data belongs to another cluster, or its release can not be part of
   * the cluster
   * @throws `unavailable` while another process with that id is heard from at another address
   */
  register(request: RegisterNodeRequest): Promise<NodeRegistration>;
  /**
   * Keeps a node alive.
   *
   * @throws `conflict` when the incarnation is not the newest: another process took over the id
   * @throws `not-found` when the node never registered
   */
  heartbeat(id: NodeId, request: HeartbeatRequest): Promise<HeartbeatResult>;
  /**
   * Begins or ends the draining of a node; kept over its restarts.
   *
   * @throws `not-found` when the node never registered; `conflict` when another command came since
   */
  setDraining(id: NodeId, draining: boolean, since?: ChangeBasis): Promise<void>;
  /**
   * Tells that an incarnation stops, so that others take over its duties at once.
   *
   * @throws `conflict` when the incarnation is not the newest; `not-found` for a stranger
   */
  leave(id: NodeId, incarnation: number): Promise<void>;
  /**
   * Forgets a node for good, which loses its place on the ring. To be called for one that never comes
   * back; one that still has data should be drained before.
   *
   * @throws `conflict` while it is heard from, or when it registered or another command came since;
   * `not-found` when it never registered
   */
  forget(id: NodeId, since?: ChangeBasis): Promise<void>;
}

/** What operators ask of the control plane about repairs. */
export interface RepairSwitch {
  /**
   * Holds up the repairs and hand-overs of an object node, or lets them go on; kept over its restarts.
   * Writes that it missed are brought to it all the same.
   *
   * @throws `not-found` when the node never registered; `invalid` when it is no object node; `conflict`
   * when another command came since
   */
  setRepairPaused(id: NodeId, paused: boolean, since?: ChangeBasis): Promise<void>;
}

/** Three copies, of which two are durable before a write is acknowledged. */
export const DEFAULT_RING_POLICY: RingPolicy = { replicaCount: 3, writeQuorum: 2 };

const NODE_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Checks a node id. @throws `invalid` */
export function parseNodeId(text: string): NodeId {
  if (NODE_ID.test(text)) return text as NodeId;
  throw new GitStratumError("invalid", "Expect a node id", { data: { found: text.slice(0, 80) } });
}

/** The topology before any node registered. */
export function emptyTopology(): Topology {
  const unassigned: PartitionAssignment = { primary: null, followers: [] };
  return {
    version: 0,
    nodes: [],
    partitions: Array.from({ length: PARTITION_COUNT }, () => unassigned),
    ring: DEFAULT_RING_POLICY,
  };
}

/**
 * The ring on which extents are placed. Nodes that are down keep their place: what they miss while
 * they are away is repaired, and a crash moves no data.
 */
export function objectRing(topology: Topology): HashRing {
  if (topology.rings !== undefined) return new HashRing(topology.rings.current);
  const places = (state: NodeState) => state !== "joining" && state !== "draining";
  return new HashRing(
    topology.nodes.filter(({ role, state }) => role === "object" && places(state)),
  );
}

/** The ring before the present one, while data is handed over from it. */
export function previousObjectRing(topology: Topology): HashRing | undefined {
  const previous = topology.rings?.previous;
  return previous === undefined ? undefined : new HashRing(previous);
}

/** Schema of {@link NodeId}. */
export const nodeIdSchema: z.ZodType<NodeId, string> = z.string().regex(NODE_ID).transform((text) =>
  text as NodeId
);
/** Drawn once for a cluster: 32 hexadecimal digits. */
const clusterIdSchema = z.string().regex(/^[0-9a-f]{32}$/);
const incarnationSchema = z.int().positive();
const describedNode = {
  id: nodeIdSchema,
  role: z.enum(["control", "metadata", "object", "frontend"]),
  address: z.url({ protocol: /^https?$/ }).max(500),
  zone: z.string().min(1).max(100),
  weight: z.number().nonnegative().max(1000),
};
const levelSchema = z.int().positive();
const stateSchema = z.enum(["joining", "active", "suspect", "down", "draining"]);

const ringMembersSchema = z.array(
  z.object({
    id: nodeIdSchema,
    zone: z.string(),
    weight: z.number().nonnegative(),
  }),
);

/** Schema of {@link RingAssignment}. */
export const ringAssignmentSchema: z.ZodType<RingAssignment> = z.object({
  version: z.int().nonnegative(),
  current: ringMembersSchema,
  previous: ringMembersSchema.exactOptional(),
});

/** Schema of {@link TopologyNode}. */
export const topologyNodeSchema: z.ZodType<TopologyNode> = z.object({
  ...describedNode,
  state: stateSchema,
  incarnation: incarnationSchema,
  level: levelSchema.exactOptional(),
  repairPaused: z.boolean().exactOptional(),
});

/** Schema of {@link PartitionAssignment}. */
export const partitionAssignmentSchema: z.ZodType<PartitionAssignment> = z.object({
  primary: nodeIdSchema.nullable(),
  followers: z.array(nodeIdSchema),
});

/** Schema of {@link RingPolicy}. */
export const ringPolicySchema: z.ZodType<RingPolicy> = z.object({
  replicaCount: z.int().positive(),
  writeQuorum: z.int().positive(),
});

/** Schema of {@link Topology}; what a later release adds is kept when a controller revises it. */
export const topologySchema: z.ZodType<Topology> = z.looseObject({
  cluster: clusterIdSchema.exactOptional(),
  version: z.int().nonnegative(),
  level: levelSchema.exactOptional(),
  nodes: z.array(topologyNodeSchema),
  partitions: z.array(partitionAssignmentSchema).length(PARTITION_COUNT),
  ring: ringPolicySchema,
  rings: ringAssignmentSchema.exactOptional(),
});

/** Schema of {@link RegisterNodeRequest}; what a later release adds is kept with the registration. */
export const registerNodeRequestSchema: z.ZodType<RegisterNodeRequest> = z.looseObject({
  ...describedNode,
  ready: z.boolean(),
  cluster: clusterIdSchema.exactOptional(),
  level: levelSchema.exactOptional(),
  levelLeast: levelSchema.exactOptional(),
  attempt: checkedText(parseRequestId).exactOptional(),
});

/** Schema of {@link NodeRegistration}. */
export const nodeRegistrationSchema: z.ZodType<NodeRegistration> = z.object({
  incarnation: incarnationSchema,
  heartbeatIntervalMs: z.int().positive(),
  cluster: clusterIdSchema.exactOptional(),
  level: levelSchema.exactOptional(),
});

/** Schema of {@link DiskFullness}. */
export const diskFullnessSchema: z.ZodType<DiskFullness> = z.enum(["lately", "lasting"]);

/** Schema of {@link HeartbeatRequest}; what a later release adds is kept with the sign of life. */
export const heartbeatRequestSchema: z.ZodType<HeartbeatRequest> = z.looseObject({
  incarnation: incarnationSchema,
  ready: z.boolean(),
  ringVersion: z.int().nonnegative().exactOptional(),
  level: levelSchema.exactOptional(),
  caughtUp: partitionSetSchema.exactOptional(),
  diskFull: diskFullnessSchema.exactOptional(),
});

/** Schema of {@link HeartbeatResult}. */
export const heartbeatResultSchema: z.ZodType<HeartbeatResult> = z.object({
  state: stateSchema,
  topologyVersion: z.int().nonnegative(),
});
