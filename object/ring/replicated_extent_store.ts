/**
 * {@link ExtentStore} over the nodes of a ring.
 *
 * Invariants:
 * - What `write` or `remove` resolved is durable on a quorum of the owners, or of owners and the
 *   substitutes that keep their copies. Every owner is tried, whether or not the quorum is there.
 * - A read answers bytes that passed their checksum. It says that there is nothing only when an
 *   acknowledged write is ruled out.
 * - Bytes of writes that are not settled yet are bounded: a slow node slows writers down before it
 *   fills the memory.
 *
 * Faults: nodes that are gone, slow, full, or have damaged copies. With one owner of three away
 * everything goes on. An id that was removed and is written again may for a while be read with its
 * former bytes from an owner that missed both; ids are drawn at random, so only tests do that.
 *
 * @module
 */

import {
  type Clock,
  EXTENT_BYTES_MAX,
  EXTENT_LIST_COUNT_MAX,
  GitStratumError,
  hasCode,
  REPLICA_UNSETTLED_BYTES_MAX,
} from "@gitstratum/core";
import type {
  ExtentId,
  ExtentInfo,
  ExtentStore,
  ExtentWrite,
  NetworkId,
  NodeId,
} from "@gitstratum/core/rpc";
import { ByteBudget } from "../byte_budget.ts";
import { listMerged } from "./extent_listing.ts";
import { ExtentReader } from "./extent_reader.ts";
import { ExtentWriter } from "./extent_writer.ts";
import { KeyedQueue } from "./keyed_queue.ts";
import { NodeCaller } from "./node_caller.ts";
import { placeExtent, type Placement, type RingView } from "./placement.ts";
import type { QuorumOutcome } from "./quorum_write.ts";
import { ReadRepair } from "./read_repair.ts";
import type { ReplicaNode, ReplicaWrite } from "./replica_node.ts";
import { FIRST_LIFE, removedFrom, type ReplicaRecord } from "./replica_record.ts";

/** Something that operators should know. */
export interface ReplicationTrouble {
  /**
   * - `degraded`: there are fewer nodes than copies wanted; told once for each such ring.
   * - `missed`: an owner has no copy and nobody keeps one for it, until replicas are compared.
   * - `divergent`: copies of one extent differ. Somebody used an id twice.
   * - `repair`: a read repair failed.
   */
  readonly what: "degraded" | "missed" | "divergent" | "repair";
  /** Facts. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a replicated store needs. */
export interface ReplicatedExtentStoreOptions {
  /** The rings that count now; asked for each call. */
  readonly view: () => RingView;
  /** The nodes of the rings. */
  readonly nodeOf: (id: NodeId) => ReplicaNode;
  /** The node in whose process this runs: its copies are read first, without a timer. */
  readonly self?: NodeId;
  /** Counts timeouts. */
  readonly clock: Clock;
  /** Longest wait for one node, in milliseconds. */
  readonly timeoutMs?: number;
  /** Owners of a write that take longer get substitutes, in milliseconds. */
  readonly writeLateMs?: number;
  /** A node that a read waits for longer is not waited for alone, in milliseconds. */
  readonly readLateMs?: number;
  /** Told of what people should know. */
  readonly onTrouble?: (trouble: ReplicationTrouble) => void;
  /** Told of owners that have no copy of a write while nobody keeps one for them. */
  readonly onMissed?: (nodes: readonly NodeId[], write: ReplicaWrite) => void;
}

const TIMEOUT_MS = 10_000;
const WRITE_LATE_MS = 1000;
const READ_LATE_MS = 150;

/** Extents on a ring. */
export class ReplicatedExtentStore implements ExtentStore {
  readonly #view: () => RingView;
  readonly #self: NodeId | undefined;
  readonly #nodeOf: (id: NodeId) => ReplicaNode;
  readonly #onTrouble: (trouble: ReplicationTrouble) => void;
  readonly #caller: NodeCaller;
  readonly #writer: ExtentWriter;
  readonly #reader: ExtentReader;
  readonly #repair: ReadRepair;
  readonly #unsettled = new ByteBudget(REPLICA_UNSETTLED_BYTES_MAX);
  /** Of two writers of one id here, one is first everywhere. */
  readonly #queue = new KeyedQueue<ExtentId>();
  #degradedView: RingView["current"] | undefined;

  /** Makes a store over nodes. */
  constructor(options: ReplicatedExtentStoreOptions) {
    const { clock } = options;
    this.#view = options.view;
    this.#self = options.self;
    this.#nodeOf = options.nodeOf;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#caller = new NodeCaller(options.nodeOf, {
      clock,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    });
    this.#writer = new ExtentWriter({
      caller: this.#caller,
      clock,
      lateMs: options.writeLateMs ?? WRITE_LATE_MS,
      onReport: (write, { missed, differing }) => {
        const { id } = write;
        if (missed.length > 0) {
          this.#onTrouble({ what: "missed", data: { id, nodes: missed } });
          options.onMissed?.(missed, write);
        }
        if (differing.length > 0) {
          this.#onTrouble({ what: "divergent", data: { id, nodes: differing } });
        }
      },
    });
    const lateMs = options.readLateMs ?? READ_LATE_MS;
    this.#reader = new ExtentReader(this.#caller, { clock, lateMs });
    this.#repair = new ReadRepair(this.#caller, ({ id, target }, error) => {
      this.#onTrouble({ what: "repair", data: { id, node: target, error } });
    });
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    for (const { id, bytes } of extents) {
      if (bytes.length <= EXTENT_BYTES_MAX) continue;
      throw new GitStratumError("exhausted", "Refuse an extent above its limit", {
        data: { id, bytes: bytes.length, bytesMax: EXTENT_BYTES_MAX },
      });
    }
    await settleAll(extents.map(async ({ id, bytes }) => {
      await this.#write(id, bytes.length, () => {
        // Copies go on after the caller has its bytes back, so they are ours.
        const copy = Uint8Array.from(bytes);
        return { kind: "living", id, version: FIRST_LIFE, owner, bytes: copy };
      });
    }));
  }

  /** {@inheritDoc ExtentStore.read} */
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const placement = this.#place(id);
    if (this.#self !== undefined && placement.owners.includes(this.#self)) {
      const local = await this.#readLocal(this.#nodeOf(this.#self), { id, range });
      if (local !== undefined) return local;
    }
    const ask = (node: ReplicaNode) => node.read(id, range);
    const { value, lacking } = await this.#reader.read(placement, { id, ask });
    const sources = [...placement.owners, ...placement.substitutes]
      .filter((node) => !lacking.includes(node));
    for (const target of placement.groups[0]!.nodes) {
      if (lacking.includes(target)) this.#repair.add({ id, sources, target });
    }
    return value;
  }

  /** The node's own copy; undefined when the ring has to be asked. */
  async #readLocal(
    node: ReplicaNode,
    { id, range }: {
      readonly id: ExtentId;
      readonly range: { readonly offset: number; readonly length: number };
    },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await node.read(id, range);
    } catch (error) {
      // Absent or damaged here says nothing about others; they are asked, and this copy is repaired.
      if (hasCode(error, "not-found") || hasCode(error, "corrupt")) return undefined;
      throw error;
    }
  }

  /** {@inheritDoc ExtentStore.stat} */
  async stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    const ask = async (node: ReplicaNode) => infoOf(await node.find(id));
    try {
      return (await this.#reader.read(this.#place(id), { id, ask })).value;
    } catch (error) {
      if (error instanceof GitStratumError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  /** {@inheritDoc ExtentStore.remove} */
  async remove(ids: readonly ExtentId[]): Promise<void> {
    const version = removedFrom(FIRST_LIFE);
    await settleAll(ids.map((id) => this.#write(id, 0, () => ({ kind: "removed", id, version }))));
  }

  /**
   * {@inheritDoc ExtentStore.list}
   *
   * Extents whose only copies within reach are hints may be left out.
   */
  async list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<ExtentInfo[]> {
    const { current, previous, policy } = this.#view();
    const nodes = [...new Set([...current.nodes, ...previous?.nodes ?? []].map(({ id }) => id))];
    const records = await listMerged({
      nodes: nodes as NodeId[],
      absentCountMax: Math.min(policy.writeQuorum, current.nodes.length) - 1,
      page: (node, page) => this.#caller.call(node, (replica) => replica.list(page)),
      pageCount: Math.min(options.limit, EXTENT_LIST_COUNT_MAX),
      ...options,
    });
    return records.map((record) => infoOf(record)!);
  }

  /** Whether all owners of some extents answered lately, as far as this process has asked them. */
  reachesOwners(extents: readonly { readonly id: ExtentId }[]): boolean {
    return extents.every(({ id }) =>
      this.#place(id).owners.every((node) => !this.#caller.breaker(node).isOpen)
    );
  }

  /** Resolves when every copy is where it belongs, or known to be missed, and repairs are done. */
  async idle(): Promise<void> {
    await this.#writer.idle();
    await this.#repair.idle();
  }

  /** Writes when there is room; the room is free again when every copy has arrived or failed. */
  #write(id: ExtentId, bytes: number, makeWrite: () => ReplicaWrite): Promise<void> {
    return this.#queue.run(id, async () => {
      // A ring that changed during the write may have owners who were not told.
      for (let version: number | undefined = -1; version !== this.#view().version;) {
        version = this.#view().version;
        await this.#writeOnce(id, bytes, makeWrite);
      }
    });
  }

  #writeOnce(id: ExtentId, bytes: number, makeWrite: () => ReplicaWrite): Promise<void> {
    const known = Promise.withResolvers<void>();
    this.#unsettled.spend(bytes, async () => {
      const { outcome, settled } = this.#writer.write(this.#place(id), makeWrite());
      outcome.then((outcome) => {
        if (outcome === "durable") known.resolve();
        else known.reject(writeError(outcome, id));
      }, known.reject);
      await settled;
    }).catch(known.reject);
    return known.promise;
  }

  #place(id: ExtentId): Placement {
    const view = this.#view();
    const placement = placeExtent(view, id);
    if (placement.degraded && view.current !== this.#degradedView) {
      this.#degradedView = view.current;
      const nodes = view.current.nodes.length;
      this.#onTrouble({ what: "degraded", data: { nodes, replicas: view.policy.replicaCount } });
    }
    return placement;
  }
}

function infoOf(record: ReplicaRecord | undefined): ExtentInfo | undefined {
  if (record?.kind !== "living") return undefined;
  const { id, owner, bytes, writtenAtMs } = record;
  return { id, owner, bytes, writtenAtMs };
}

/** Waits for all, then throws the first failure: nothing of the call goes on unseen. */
async function settleAll(calls: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(calls);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function writeError(outcome: Exclude<QuorumOutcome, "durable">, id: ExtentId): GitStratumError {
  switch (outcome) {
    case "conflict":
      return new GitStratumError("conflict", "Find the extent with other bytes", { data: { id } });
    case "disk-full":
      return new GitStratumError("disk-full", "Find no room for a quorum of copies", {
        data: { id },
      });
    case "unavailable":
      return new GitStratumError("unavailable", "Reach no quorum of an extent's owners", {
        data: { id },
      });
  }
}
