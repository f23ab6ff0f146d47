/**
 * A cluster of replicas in memory with everything that keeps them alike, on a manual clock.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import { HashRing } from "@gitstratum/core/ring";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import { AntiEntropy, type AntiEntropyOptions, type RepairProgress } from "../anti_entropy.ts";
import { deliverHints } from "../hint_delivery.ts";
import { NodeCaller } from "../node_caller.ts";
import { placeExtent, type RingView } from "../placement.ts";
import { ReplicatedExtentStore, type ReplicationTrouble } from "../replicated_extent_store.ts";
import { FaultyReplica } from "./faulty_replica.ts";

/** A ring of nodes `node-0` …, in three zones. */
export function ringOf(count: number, first = 0): HashRing {
  return new HashRing(
    Array.from({ length: count }, (_, index) => ({
      id: `node-${first + index}`,
      zone: `zone-${(first + index) % 3}`,
      weight: 1,
    })),
  );
}

/** Replicas, the store over them, and their upkeep. */
export class ReplicaCluster {
  /** Stands still until it is moved. */
  readonly clock = new ManualClock(1_000_000);
  /** What the store told. */
  readonly troubles: ReplicationTrouble[] = [];
  /** The store. */
  readonly store: ReplicatedExtentStore;
  /** The rings; tests change them. */
  view: RingView;
  readonly #replicas = new Map<string, FaultyReplica>();

  /** A cluster of so many nodes with three copies and a quorum of two, unless told. */
  constructor(count: number, view: Partial<RingView> = {}) {
    const policy = { replicaCount: 3, writeQuorum: 2 };
    this.view = { current: ringOf(count), policy, ...view };
    this.store = new ReplicatedExtentStore({
      view: () => this.view,
      nodeOf: (id) => this.node(id),
      clock: this.clock,
      onTrouble: (trouble) => this.troubles.push(trouble),
    });
  }

  /** Ids of the nodes of the rings, in order. */
  get ids(): NodeId[] {
    const nodes = [...this.view.current.nodes, ...this.view.previous?.nodes ?? []];
    return [...new Set(nodes.map(({ id }) => id as NodeId))].sort();
  }

  /** A node by its id. */
  node(id: string): FaultyReplica {
    let replica = this.#replicas.get(id);
    if (replica === undefined) this.#replicas.set(id, replica = new FaultyReplica(this.clock));
    return replica;
  }

  /** The nodes that an extent is placed on now. */
  placed(id: ExtentId): {
    readonly owners: FaultyReplica[];
    readonly substitutes: FaultyReplica[];
  } {
    const { owners, substitutes } = placeExtent(this.view, id);
    return {
      owners: owners.map((node) => this.node(node)),
      substitutes: substitutes.map((node) => this.node(node)),
    };
  }

  /** Calls nodes anew: nothing is remembered of those that were away. */
  caller(): NodeCaller {
    return new NodeCaller((id) => this.node(id), { clock: this.clock, timeoutMs: 10_000 });
  }

  /** One comparison of a node with its peers. */
  async compare(
    self: NodeId,
    options: Partial<AntiEntropyOptions> = {},
  ): Promise<RepairProgress> {
    const { clock, view } = this;
    const signal = new AbortController().signal;
    return await new AntiEntropy({ caller: this.caller(), clock, view, self, signal, ...options })
      .run();
  }

  /** Delivers the hints of a node. */
  async deliver(self: NodeId): Promise<void> {
    const signal = new AbortController().signal;
    await deliverHints({ caller: this.caller(), view: this.view, self, signal });
  }

  /** Compares all nodes until nothing is left to repair. */
  async converge(): Promise<void> {
    for (let round = 0;; round++) {
      assert.ok(round < 10, "Replicas converge within a few rounds");
      for (const id of this.ids) await this.deliver(id);
      const runs: RepairProgress[] = [];
      for (const id of this.ids) runs.push(await this.compare(id));
      if (runs.every((run) => run.copiedCount + run.buriedCount + run.failedCount === 0)) return;
    }
  }

  /** What each owner of an extent knows of it, one text if they agree. */
  async knowledge(id: ExtentId): Promise<string> {
    const known = await Promise.all(this.placed(id).owners.map(({ inner }) => inner.find(id)));
    const texts = known.map((record) => {
      if (record === undefined) return "nothing";
      const damaged = record.kind === "living" && record.damaged ? " damaged" : "";
      return `${record.kind}@${record.version}${damaged}`;
    });
    return [...new Set(texts)].join(", ");
  }

  /** Lets time pass until a call has its answer. */
  async passing<T>(call: Promise<T>): Promise<T> {
    let ended = false;
    const result = call.finally(() => {
      ended = true;
    });
    result.catch(() => {}); // The caller gets it below.
    while (!ended) await this.clock.advance(500);
    return await result;
  }
}
