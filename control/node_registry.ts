/**
 * Registrations and signs of life in the consensus store.
 *
 * | key | value | lives |
 * | --- | --- | --- |
 * | `control/nodes/ID` | role, address, zone, weight, incarnation, draining | until removed |
 * | `control/alive/ID` | incarnation, ready | while heartbeats come: a lease of the time of silence |
 *
 * Any control node may serve any call: what is decided is decided by compare-and-swap on these keys.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Change, Consensus, KeyValue } from "@gitstratum/core/consensus";
import type {
  HeartbeatRequest,
  NodeId,
  NodeRegistration,
  RegisterNodeRequest,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import type { ControlPolicy } from "./policy.ts";

/** Rounds against others who register the same id at the same time. */
const CONTENTION_ROUND_COUNT_MAX = 20;

const NODES_PREFIX = "control/nodes/";
const ALIVE_PREFIX = "control/alive/";

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
  /** Number of the newest registration. */
  readonly incarnation: number;
  /** Whether an operator wants it empty. */
  readonly draining: boolean;
}

/** A sign of life as it is stored. */
export interface AliveRecord {
  /** The registration that was heard from. */
  readonly incarnation: number;
  /** Whether the node can take duties. */
  readonly ready: boolean;
}

const nodeRecordSchema = z.object({
  role: z.enum(["control", "metadata", "object", "frontend"]),
  address: z.string(),
  zone: z.string(),
  weight: z.number(),
  incarnation: z.int().positive(),
  draining: z.boolean(),
});

const aliveRecordSchema = z.object({ incarnation: z.int().positive(), ready: z.boolean() });

/** Reads and writes registrations. */
export class NodeRegistry {
  readonly #consensus: Consensus;
  readonly #policy: ControlPolicy;

  /** Uses the keys above in a store. */
  constructor(consensus: Consensus, policy: ControlPolicy) {
    this.#consensus = consensus;
    this.#policy = policy;
  }

  /** Registers a node under its next incarnation. @throws `already-exists` for another role's id */
  async register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    const { id, ready, ...described } = request;
    const lease = await this.#consensus.grantLease(this.#policy.silenceMs);
    try {
      const incarnation = await this.#update(id, (before) => {
        if (before !== undefined && before.role !== described.role) {
          throw otherRole(request, before);
        }
        const incarnation = (before?.incarnation ?? 0) + 1;
        const record = { ...described, incarnation, draining: before?.draining ?? false };
        return { record, alive: { incarnation, ready }, lease };
      });
      return { incarnation, heartbeatIntervalMs: this.#policy.heartbeatIntervalMs };
    } catch (error) {
      await this.#consensus.revokeLease(lease);
      throw error;
    }
  }

  /** Notes a sign of life. @throws `conflict` for an older incarnation, `not-found` for a stranger */
  async heartbeat(id: NodeId, request: HeartbeatRequest): Promise<void> {
    const alive = await this.#consensus.get(ALIVE_PREFIX + id);
    const known = alive && decodeAlive(alive);
    const isSame = known?.incarnation === request.incarnation && known.ready === request.ready;
    if (isSame && alive?.lease !== undefined && await this.#prolong(alive.lease)) return;
    const lease = await this.#consensus.grantLease(this.#policy.silenceMs);
    try {
      await this.#update(id, (before) => {
        if (before === undefined) throw unknown(id);
        if (before.incarnation !== request.incarnation) throw superseded(before, request);
        return { record: before, alive: request, lease };
      });
    } catch (error) {
      await this.#consensus.revokeLease(lease);
      throw error;
    }
  }

  /** Notes that a node is to be emptied, or not any more. @throws `not-found` for a stranger */
  async setDraining(id: NodeId, draining: boolean): Promise<void> {
    await this.#update(id, (before) => {
      if (before === undefined) throw unknown(id);
      return { record: { ...before, draining } };
    });
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
    decide: (before: NodeRecord | undefined) => {
      readonly record: Omit<NodeRecord, "id">;
      readonly alive?: AliveRecord;
      readonly lease?: string;
    },
  ): Promise<number> {
    const key = NODES_PREFIX + id;
    for (let round = 0; round < CONTENTION_ROUND_COUNT_MAX; round++) {
      const found = await this.#consensus.get(key);
      const { record, alive, lease } = decide(found && decodeNode(found));
      const then: Change[] = [{ kind: "put", key, value: encodeNode(record) }];
      if (alive !== undefined && lease !== undefined) {
        then.push({ kind: "put", key: ALIVE_PREFIX + id, value: encodeAlive(alive), lease });
      }
      const { succeeded } = await this.#consensus.transact({
        compares: [{ key, target: "modRevision", operator: "=", value: found?.modRevision ?? 0 }],
        then,
      });
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
    if (entry.key.startsWith(NODES_PREFIX)) nodes.push(decodeNode(entry));
    if (entry.key.startsWith(ALIVE_PREFIX)) {
      alive.set(entry.key.slice(ALIVE_PREFIX.length) as NodeId, decodeAlive(entry));
    }
  }
  return { nodes, alive };
}

function encodeNode(record: Omit<NodeRecord, "id">): Uint8Array {
  const { role, address, zone, weight, incarnation, draining } = record;
  return encodeJson({ role, address, zone, weight, incarnation, draining });
}

function encodeAlive({ incarnation, ready }: AliveRecord): Uint8Array {
  return encodeJson({ incarnation, ready });
}

function decodeNode(entry: KeyValue): NodeRecord {
  const id = entry.key.slice(NODES_PREFIX.length) as NodeId;
  return { id, ...decodeJson(entry, nodeRecordSchema) };
}

function decodeAlive(entry: KeyValue): AliveRecord {
  return decodeJson(entry, aliveRecordSchema);
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Reads a stored JSON value. @throws `corrupt` when it has another shape */
export function decodeJson<T>(entry: KeyValue, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(entry.value)));
  } catch (cause) {
    throw new GitStratumError("corrupt", "Read a damaged value of the control plane", {
      data: { key: entry.key },
      cause,
    });
  }
}

function unknown(id: NodeId): GitStratumError {
  return new GitStratumError("not-found", "Find no such node", { data: { node: id } });
}

function superseded(before: NodeRecord, request: HeartbeatRequest): GitStratumError {
  return new GitStratumError("conflict", "Refuse a heartbeat of an older incarnation", {
    data: { node: before.id, found: request.incarnation, newest: before.incarnation },
  });
}

function otherRole(request: RegisterNodeRequest, before: NodeRecord): GitStratumError {
  return new GitStratumError("already-exists", "Refuse a node id that belongs to another role", {
    data: { node: request.id, wanted: request.role, found: before.role },
  });
}
