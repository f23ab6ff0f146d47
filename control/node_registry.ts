/**
 * Registrations and signs of life in the consensus store.
 *
 * | key | value | lives |
 * | --- | --- | --- |
 * | `control/nodes/ID` | role, address, zone, weight, level, incarnation, draining, whether it left | until removed |
 * | `control/alive/ID` | incarnation, ready, version of the ring it holds, level, partitions it could serve at once | while heartbeats come: a lease of the time of silence |
 * | `control/orders/ID` | `{}`: written by each command of an operator about the node | always |
 * | `control/level` | the cluster's release level | always; see `cluster_level.ts` |
 *
 * Members that a later release has written are kept when a record is written anew.
 *
 * Any control node may serve any call: what is decided is decided by compare-and-swap on these keys.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import {
  type Change,
  type Compare,
  type Consensus,
  type KeyValue,
  prefixRange,
  type Revision,
} from "@gitstratum/core/consensus";
import {
  type ChangeBasis,
  type DiskFullness,
  diskFullnessSchema,
  type HeartbeatRequest,
  type NodeId,
  type NodeRegistration,
  partitionSetSchema,
  type RegisterNodeRequest,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import { isDeepStrictEqual } from "node:util";
import { admit, readClusterLevel } from "./cluster_level.ts";
import { outOfDate } from "./removal_marks.ts";
import { decodeJson, encodeJson } from "./stored_json.ts";
import type { ControlPolicy } from "./policy.ts";

/** Rounds against others who register the same id at the same time. */
const CONTENTION_ROUND_COUNT_MAX = 20;
/** A request is late by seconds, and nobody registers so often in them. */
const ATTEMPT_COUNT_MAX = 8;

const NODES_PREFIX = "control/nodes/";
const ALIVE_PREFIX = "control/alive/";
const ORDERS_PREFIX = "control/orders/";

/** A registration as it is stored. */
export interface NodeRecord {
  /** Part of the key. */
  readonly id: NodeId;
  /** What the node does; fixed for its id. */
  readonly role: RegisterNodeRequest["role"];
  /** Base URL of its service. */
  readonly address: string;
  /** Failure domain. */
  readonly zone: string;
  /** Share of the data against other nodes of its role. */
  readonly weight: number;
  /** The newest release level that it speaks; absent for a node that tells none. */
  readonly level?: number;
  /** Number of the newest registration. */
  readonly incarnation: number;
  /** Whether an operator wants it empty. */
  readonly draining: boolean;
  /** Whether an operator holds up its repairs; absent = nobody does. */
  readonly repairPaused?: boolean;
  /** Whether the incarnation said that it stops. */
  readonly left?: boolean;
  /** Whether it counts no more. Its record stays, so that incarnations go on where they were. */
  readonly forgotten?: boolean;
  /** The last registrations (`RegisterNodeRequest.attempt`), the newest one at the end. */
  readonly attempts?: readonly string[];
}

/** A sign of life as it is stored. */
export interface AliveRecord {
  /** The registration that was heard from. */
  readonly incarnation: number;
  /** Whether the node can take duties. */
  readonly ready: boolean;
  /** Of an object node: see `HeartbeatRequest.ringVersion`. */
  readonly ringVersion?: number;
  /** See `HeartbeatRequest.level`. */
  readonly level?: number;
  /** Of a metadata node: see `HeartbeatRequest.caughtUp`. */
  readonly caughtUp?: string;
  /** Of a metadata node: see `HeartbeatRequest.diskFull`. */
  readonly diskFull?: DiskFullness;
}

/** Schema of a {@link NodeRecord} without its id. */
export const nodeRecordSchema: z.ZodType<Omit<NodeRecord, "id">> = z.looseObject({
  role: z.enum(["control", "metadata", "object", "frontend"]),
  address: z.string(),
  zone: z.string(),
  weight: z.number(),
  level: z.int().positive().exactOptional(),
  incarnation: z.int().positive(),
  draining: z.boolean(),
  repairPaused: z.boolean().exactOptional(),
  left: z.boolean().exactOptional(),
  forgotten: z.boolean().exactOptional(),
  attempts: z.array(z.string()).exactOptional(),
});

/** Schema of an {@link AliveRecord}. */
export const aliveRecordSchema: z.ZodType<AliveRecord> = z.looseObject({
  incarnation: z.int().positive(),
  ready: z.boolean(),
  ringVersion: z.int().nonnegative().exactOptional(),
  level: z.int().positive().exactOptional(),
  caughtUp: partitionSetSchema.exactOptional(),
  diskFull: diskFullnessSchema.exactOptional(),
});

/** A sign of life as it was stored or read here. */
interface Heard {
  readonly alive: AliveRecord;
  readonly lease: string;
  readonly atMs: number;
}

/** Reads and writes registrations. */
export class NodeRegistry {
  readonly #consensus: Consensus;
  readonly #clock: Clock;
  readonly #policy: ControlPolicy;
  readonly #cluster: string;
  /** At most one for each registration. */
  readonly #heard = new Map<NodeId, Heard>();

  /** Uses the keys above in the store of a cluster. */
  constructor(
    consensus: Consensus,
    options: { readonly policy: ControlPolicy; readonly cluster: string; readonly clock: Clock },
  ) {
    this.#consensus = consensus;
    this.#clock = options.clock;
    this.#policy = options.policy;
    this.#cluster = options.cluster;
  }

  /**
   * Registers a node under its next incarnation; an attempt that was registered before finds it done.
   * So a copy that comes late, long after its sender went to another control node, does not supersede
   * the very process that sent it.
   *
   * @throws `already-exists` for another role's id, `denied` for a node of another cluster or of a
   * release that can not be part of this one
   * @throws `unavailable` while another process with that id is heard from at another address
   */
  async register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    const { id, ready, cluster, levelLeast, attempt, ...described } = request;
    if (cluster !== undefined && cluster !== this.#cluster) {
      throw otherCluster(request, this.#cluster);
    }
    const lives = await this.#consensus.get(ALIVE_PREFIX + id) !== undefined;
    const lease = await this.#consensus.grantLease(this.#policy.silenceMs);
    try {
      const incarnation = await this.#update(id, (before) => {
        if (attempt !== undefined && before?.attempts?.includes(attempt)) {
          return { record: before, isDone: true };
        }
        if (before !== undefined && !before.forgotten && before.role !== described.role) {
          throw otherRole(request, before);
        }
        // A node that starts again at once has its address; a second one with its id has another.
        if (before !== undefined && lives && before.address !== described.address) {
          throw otherProcess(request, before);
        }
        const incarnation = (before?.incarnation ?? 0) + 1;
        const draining = before !== undefined && !before.forgotten && before.draining;
        const paused = before !== undefined && !before.forgotten && before.repairPaused === true;
        const record = {
          ...{ ...described, incarnation, draining },
          ...(paused ? { repairPaused: true } : {}),
          ...attemptsMember(before, attempt),
        };
        const alive = { incarnation, ready, ...levelMember(described) };
        return { record, alive, lease, admits: { ...described, levelLeast } };
      });
      const { heartbeatIntervalMs } = this.#policy;
      const { level } = await readClusterLevel(this.#consensus);
      return { incarnation, heartbeatIntervalMs, cluster: this.#cluster, level };
    } catch (error) {
      await this.#consensus.revokeLease(lease);
      throw error;
    }
  }

  /**
   * Notes a sign of life. One that says what the one before said only prolongs its lease, and what was
   * said is read again only now and then.
   *
   * @throws `conflict` for an older incarnation, `not-found` for a stranger
   */
  async heartbeat(id: NodeId, request: HeartbeatRequest): Promise<void> {
    const heard = this.#lately(id);
    if (isDeepStrictEqual(heard?.alive, request) && await this.#prolong(heard!.lease)) return;
    const atMs = this.#clock.monotonicMs();
    const alive = await this.#consensus.get(ALIVE_PREFIX + id);
    const known = alive && decodeAlive(alive);
    if (
      isDeepStrictEqual(known, request) && alive?.lease !== undefined &&
      await this.#prolong(alive.lease)
    ) return void this.#heard.set(id, { alive: request, lease: alive.lease, atMs });
    const lease = await this.#consensus.grantLease(this.#policy.silenceMs);
    try {
      await this.#update(id, (before) => {
        if (before === undefined || before.forgotten) throw unknown(id);
        if (before.incarnation !== request.incarnation) throw superseded(before, request);
        return { record: { ...before, ...levelMember(request) }, alive: request, lease };
      });
      this.#heard.set(id, { alive: request, lease, atMs });
    } catch (error) {
      await this.#consensus.revokeLease(lease);
      throw error;
    }
  }

  /** Notes that an incarnation stops. @throws `conflict` for an older one, `not-found` for a stranger */
  async leave(id: NodeId, incarnation: number): Promise<void> {
    await this.#update(id, (before) => {
      if (before === undefined) throw unknown(id);
      if (before.incarnation !== incarnation) throw superseded(before, { incarnation });
      return { record: { ...before, left: true }, alive: "gone" };
    });
  }

  /**
   * Forgets a node. What it held is then nobody's: others get copies of it where there are any.
   *
   * @throws `not-found` for a stranger, `conflict` while it is heard from, or when it registered or
   * somebody gave another command about it after the basis
   */
  async forget(id: NodeId, since: ChangeBasis = {}): Promise<void> {
    await this.#update(id, (before, revision) => {
      if (before === undefined || before.forgotten) throw unknown(id);
      if (revision > (since.basis ?? Infinity)) throw outOfDate(since.basis!);
      return { record: { ...before, forgotten: true }, alive: "absent", order: since };
    });
  }

  /** A revision that all changes have which were acknowledged before. @throws `unavailable` */
  async basis(): Promise<Revision> {
    return (await this.#consensus.range(prefixRange(ORDERS_PREFIX), { limit: 1 })).revision;
  }

  /**
   * Notes that a node is to be emptied, or not any more.
   *
   * @throws `not-found` for a stranger; `conflict` when somebody gave another command after the basis
   */
  async setDraining(id: NodeId, draining: boolean, since: ChangeBasis = {}): Promise<void> {
    await this.#update(id, (before) => {
      if (before === undefined) throw unknown(id);
      const isDone = before.draining === draining;
      return { record: { ...before, draining }, order: { ...since, isDone } };
    });
  }

  /**
   * Notes that repairs are to be held up, or not any more.
   *
   * @throws `not-found` for a stranger, `invalid` for a node that repairs nothing; `conflict` when
   * somebody gave another command after the basis
   */
  async setRepairPaused(id: NodeId, paused: boolean, since: ChangeBasis = {}): Promise<void> {
    await this.#update(id, (before) => {
      if (before === undefined || before.forgotten) throw unknown(id);
      if (before.role !== "object") throw noObjectNode(before);
      const { repairPaused: _, ...record } = before;
      const isDone = (before.repairPaused ?? false) === paused;
      const order = { ...since, isDone };
      return { record: paused ? { ...record, repairPaused: true } : record, order };
    });
  }

  /**
   * What was heard of a node here, while nothing that was said elsewhere since can have ended. A node
   * may have told another control node something else, and then be back: what holds its sign of life
   * is a lease of that moment, which has to be found before it runs out.
   */
  #lately(id: NodeId): Heard | undefined {
    const heard = this.#heard.get(id);
    const { silenceMs, heartbeatIntervalMs } = this.#policy;
    const ageMs = this.#clock.monotonicMs() - (heard?.atMs ?? -Infinity);
    return ageMs < silenceMs - heartbeatIntervalMs ? heard : undefined;
  }

  /** Whether somebody gave a command about a node after what a command stands on. */
  async #isLate(id: NodeId, { basis }: ChangeBasis): Promise<boolean> {
    if (basis === undefined) return false;
    const last = await this.#consensus.get(ORDERS_PREFIX + id);
    return (last?.modRevision ?? 0) > basis;
  }

  async #prolong(lease: string): Promise<boolean> {
    try {
      await this.#consensus.keepAlive(lease);
      return true;
    } catch (error) {
      if (error instanceof GitStratumError && error.code === "not-found") return false;
      throw error;
    }
  }

  /** Replaces a registration by what `decide` makes of it; tells the incarnation. */
  async #update(
    id: NodeId,
    decide: (before: NodeRecord | undefined, revision: Revision) => {
      readonly record: Omit<NodeRecord, "id">;
      /** Whether the record is there already and nothing is to be written. */
      readonly isDone?: boolean;
      /** What to note about its life; `absent` demands that there is none. */
      readonly alive?: AliveRecord | "gone" | "absent";
      /** Lets nobody in who can not be part of the cluster at this moment. */
      readonly admits?: { readonly level?: number; readonly levelLeast?: number | undefined };
      readonly lease?: string;
      /** A command of an operator: what it stands on, and whether there is nothing to do for it. */
      readonly order?: ChangeBasis & { readonly isDone?: boolean };
    },
  ): Promise<number> {
    const key = NODES_PREFIX + id;
    this.#heard.delete(id);
    for (let round = 0; round < CONTENTION_ROUND_COUNT_MAX; round++) {
      const found = await this.#consensus.get(key);
      const { record, isDone = false, alive, lease, admits, order } = decide(
        found && decodeNode(found),
        found?.modRevision ?? 0,
      );
      if (isDone) return record.incarnation;
      const then: Change[] = [{ kind: "put", key, value: encodeNode(record) }];
      const compares: Compare[] = [
        { key, target: "modRevision", operator: "=", value: found?.modRevision ?? 0 },
      ];
      if (order !== undefined) {
        const isLate = await this.#isLate(id, order);
        if (isLate && order.isDone) return record.incarnation;
        if (isLate) throw outOfDate(order.basis!);
        const orderKey = ORDERS_PREFIX + id;
        // Also where nothing is to be done: copies of the command that come later find it given.
        then.push({ kind: "put", key: orderKey, value: encodeJson({}) });
        const { basis } = order;
        if (basis !== undefined) compares.push(unchangedSince(basis, orderKey));
      }
      if (admits !== undefined) {
        const admission = admit(await readClusterLevel(this.#consensus), admits);
        compares.push(admission.compare);
        then.push(...admission.then);
      }
      if (alive === "absent") {
        if (await this.#consensus.get(ALIVE_PREFIX + id) !== undefined) throw isHeard(id);
        compares.push({ key: ALIVE_PREFIX + id, target: "version", operator: "=", value: 0 });
      } else if (alive === "gone") {
        then.push({ kind: "delete", key: ALIVE_PREFIX + id });
      } else if (alive !== undefined && lease !== undefined) {
        then.push({ kind: "put", key: ALIVE_PREFIX + id, value: encodeAlive(alive), lease });
      }
      const { succeeded } = await this.#consensus.transact({ compares, then });
      if (succeeded) return record.incarnation;
    }
    throw new GitStratumError("unavailable", "Lose every race for a registration", {
      data: { node: id },
    });
  }
}

/** Sorts the keys of one consistent read into registrations and signs of life. */
export function readRegistrations(
  entries: readonly KeyValue[],
): { nodes: NodeRecord[]; alive: Map<NodeId, AliveRecord> } {
  const nodes: NodeRecord[] = [];
  const alive = new Map<NodeId, AliveRecord>();
  for (const entry of entries) {
    if (entry.key.startsWith(NODES_PREFIX)) {
      const node = decodeNode(entry);
      if (!node.forgotten) nodes.push(node);
    }
    if (entry.key.startsWith(ALIVE_PREFIX)) {
      alive.set(entry.key.slice(ALIVE_PREFIX.length) as NodeId, decodeAlive(entry));
    }
  }
  return { nodes, alive };
}

/** The key has the id. Members that are undefined are not written. */
function encodeNode(record: Omit<NodeRecord, "id">): Uint8Array {
  return encodeJson({ ...record, id: undefined });
}

function encodeAlive(record: AliveRecord): Uint8Array {
  return encodeJson(record);
}

function levelMember({ level }: { readonly level?: number }): { readonly level?: number } {
  return level === undefined ? {} : { level };
}

function attemptsMember(before: NodeRecord | undefined, attempt: string | undefined) {
  const earlier = before?.attempts ?? [];
  const attempts = attempt === undefined ? earlier : [...earlier, attempt];
  return attempts.length === 0 ? {} : { attempts: attempts.slice(-ATTEMPT_COUNT_MAX) };
}

function decodeNode(entry: KeyValue): NodeRecord {
  const id = entry.key.slice(NODES_PREFIX.length) as NodeId;
  return { id, ...decodeJson(entry, nodeRecordSchema) };
}

function decodeAlive(entry: KeyValue): AliveRecord {
  return decodeJson(entry, aliveRecordSchema);
}

function unchangedSince(basis: Revision, key: string): Compare {
  return { key, target: "modRevision", operator: "<", value: basis + 1 };
}

function unknown(id: NodeId): GitStratumError {
  return new GitStratumError("not-found", "Find no such node", { data: { node: id } });
}

function superseded(
  before: NodeRecord,
  request: Pick<HeartbeatRequest, "incarnation">,
): GitStratumError {
  return new GitStratumError("conflict", "Refuse to hear an older incarnation", {
    data: { node: before.id, found: request.incarnation, newest: before.incarnation },
  });
}

function otherRole(request: RegisterNodeRequest, before: NodeRecord): GitStratumError {
  return new GitStratumError("already-exists", "Refuse a node id that belongs to another role", {
    data: { node: request.id, wanted: request.role, found: before.role },
  });
}

function otherProcess(request: RegisterNodeRequest, before: NodeRecord): GitStratumError {
  return new GitStratumError(
    "unavailable",
    "Wait until another process with this node id is silent",
    {
      data: { node: request.id, address: request.address, other: before.address },
    },
  );
}

function otherCluster(request: RegisterNodeRequest, cluster: string): GitStratumError {
  return new GitStratumError("denied", "Refuse a node whose data belongs to another cluster", {
    data: { node: request.id, found: request.cluster ?? "none", wanted: cluster },
  });
}

function noObjectNode({ id, role }: NodeRecord): GitStratumError {
  return new GitStratumError("invalid", "Hold up the repairs of an object node only", {
    data: { node: id, role },
  });
}

function isHeard(id: NodeId): GitStratumError {
  return new GitStratumError("conflict", "Stop a node before it is forgotten", {
    data: { node: id },
  });
}
