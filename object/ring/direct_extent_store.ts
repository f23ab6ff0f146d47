/**
 * The ring's {@link ExtentStore} for a process that is not on it, with small writes at first hand: they
 * go to all owners at once, not by way of one that passes them on to the others. That saves a push one
 * of the calls that it has to wait for in turn.
 *
 * Invariants:
 * - What `write` resolved is durable on a quorum of the owners, whichever way it went: the rules are
 *   those of {@link ReplicatedExtentStore}, which decides here what an object node decides otherwise.
 * - A write that missed an owner is handed to a node, which knows ways that this process may not, and
 *   tells the owner. What can not be handed over is found by the owner's next comparison.
 * - Large writes are passed on by nodes, so that callers send their bytes once.
 *
 * Fault model: while an owner does not answer, writes go by way of nodes. When this process reaches no quorum of the owners, or goes by an older ring than
 * they do, a node is asked to write, which may repeat what was done: that changes nothing.
 *
 * @module
 */

import {
  type Clock,
  DIRECT_LEFT_BYTES_MAX,
  DIRECT_WRITE_BYTES_MAX,
  hasCode,
} from "@gitstratum/core";
import {
  type ExtentId,
  type ExtentInfo,
  type ExtentStore,
  type ExtentWrite,
  type Fetcher,
  type NetworkId,
  ObjectRingCache,
  type TopologySource,
} from "@gitstratum/core/rpc";
import type { ReplicaWrite } from "./replica_node.ts";
import { ReplicatedExtentStore, type ReplicationTrouble } from "./replicated_extent_store.ts";
import { RingPeers } from "./ring_peers.ts";

/** What a store at first hand needs. */
export interface DirectExtentStoreOptions {
  /** The same extents by way of nodes. */
  readonly routed: ExtentStore;
  /** Says which rings count, and where their nodes are. */
  readonly topology: TopologySource;
  /** Reaches a node's address; signs what goes there. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** Counts timeouts. */
  readonly clock: Clock;
  /** Told of what people should know. */
  readonly onTrouble?: (trouble: ReplicationTrouble) => void;
}

/** An owner that takes longer is left to a node that can wait for it, in milliseconds. */
const TIMEOUT_MS = 3000;

type LivingWrite = Extract<ReplicaWrite, { readonly kind: "living" }>;

/** Extents of a ring, with small writes at first hand. */
export class DirectExtentStore implements ExtentStore {
  readonly #options: DirectExtentStoreOptions;
  readonly #peers: RingPeers;
  readonly #direct: ReplicatedExtentStore;
  readonly #closed = new AbortController();
  /** What missed owners and was not handed over yet. */
  #left: LivingWrite[] = [];
  #leftBytes = 0;
  #handingOver: Promise<void> | undefined;

  /** Makes a store; nothing is sent yet. */
  constructor(options: DirectExtentStoreOptions) {
    const { topology, clock, onTrouble } = options;
    const rings = new ObjectRingCache();
    const view = () => rings.of(topology.current());
    this.#options = options;
    this.#peers = new RingPeers({
      ...options,
      ringVersion: () => view().version ?? 0,
      signal: this.#closed.signal,
    });
    this.#direct = new ReplicatedExtentStore({
      view,
      nodeOf: (id) => this.#peers.replica(id),
      clock,
      timeoutMs: TIMEOUT_MS,
      onMissed: (_, write) => this.#leave(write),
      ...(onTrouble === undefined ? {} : { onTrouble }),
    });
  }

  /** {@inheritDoc ExtentStore.write} */
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    const { routed, topology } = this.#options;
    const bytes = extents.reduce((sum, extent) => sum + extent.bytes.length, 0);
    if (bytes > DIRECT_WRITE_BYTES_MAX || !this.#direct.reachesOwners(extents)) {
      return await routed.write(owner, extents);
    }
    try {
      return await this.#direct.write(owner, extents);
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      topology.refresh().catch(() => {
        // A hint: while the control plane is away, nodes may know better.
      });
    }
    await routed.write(owner, extents);
  }

  /** {@inheritDoc ExtentStore.read} */
  read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#options.routed.read(id, range);
  }

  /** {@inheritDoc ExtentStore.stat} */
  stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    return this.#options.routed.stat(id);
  }

  /** {@inheritDoc ExtentStore.remove} */
  remove(ids: readonly ExtentId[]): Promise<void> {
    return this.#options.routed.remove(ids);
  }

  /** {@inheritDoc ExtentStore.list} */
  list(options: { readonly after?: ExtentId; readonly limit: number }): Promise<ExtentInfo[]> {
    return this.#options.routed.list(options);
  }

  /** Resolves when no copies are on their way any more. */
  async idle(): Promise<void> {
    await this.#direct.idle();
    await this.#handingOver;
  }

  /** Waits for what is on its way, as long as that may take, and ends the rest. */
  async close(): Promise<void> {
    await this.idle();
    this.#closed.abort();
  }

  #leave(write: ReplicaWrite): void {
    // Nothing is removed at first hand.
    if (write.kind !== "living") return;
    if (this.#leftBytes + write.bytes.length > DIRECT_LEFT_BYTES_MAX) return;
    this.#left.push(write);
    this.#leftBytes += write.bytes.length;
    this.#handingOver ??= this.#handOver().finally(() => this.#handingOver = undefined);
  }

  /** Lets nodes write what missed owners, those of one network together. */
  async #handOver(): Promise<void> {
    // Parts of one push miss the same owners in the same turn.
    await Promise.resolve();
    while (this.#left.length > 0) {
      const [{ owner }] = this.#left as [LivingWrite];
      const batch = this.#left.filter((write) => write.owner === owner);
      this.#left = this.#left.filter((write) => write.owner !== owner);
      try {
        await this.#options.routed.write(owner, batch);
      } catch (error) {
        const { id } = batch[0]!;
        this.#options.onTrouble?.({ what: "missed", data: { id, count: batch.length, error } });
      }
      this.#leftBytes -= batch.reduce((sum, { bytes }) => sum + bytes.length, 0);
    }
  }
}
