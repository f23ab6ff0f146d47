/**
 * Claims of partitions as nodes get them from the consensus store, in memory: tests say when a lease
 * ends.
 *
 * @module
 */

import type { Partition } from "@gitstratum/core/consensus";
import type { NodeId, NodeLease, PartitionClaim } from "@gitstratum/core/rpc";

interface Held {
  readonly nodeId: NodeId;
  readonly lost: AbortController;
  /** Resolves when others may claim. */
  readonly free: PromiseWithResolvers<void>;
  /** Whether its time is over, be it known to the node's other parts or not. */
  isOver: boolean;
}

/** Who holds which partition. */
export class ClaimTable {
  readonly #held = new Map<Partition, Held>();
  readonly #lapsed = new Set<NodeId>();

  /** The lease of a node, which lives until {@link expire}. */
  lease(nodeId: NodeId): NodeLease {
    return {
      mayServe: () => !this.#lapsed.has(nodeId),
      lostAtMs: Infinity,
      claim: (partition, signal) => this.#claim(nodeId, partition, signal),
    };
  }

  /** Ends a node's lease, as it does when no keep-alive comes: the node notices, others may claim. */
  expire(nodeId: NodeId): void {
    this.#lapsed.add(nodeId);
    for (const [partition, held] of this.#held) {
      if (held.nodeId === nodeId) this.#drop(partition, held);
    }
  }

  /** Ends a node's lease as {@link expire} does, while the node is paused: nothing tells it so. */
  lapse(nodeId: NodeId): void {
    this.#lapsed.add(nodeId);
    for (const [partition, held] of this.#held) {
      if (held.nodeId !== nodeId) continue;
      held.isOver = true;
      this.#held.delete(partition);
      held.free.resolve();
    }
  }

  /** Gives a node that came back a new lease. */
  revive(nodeId: NodeId): void {
    this.#lapsed.delete(nodeId);
  }

  /** The node that may answer for a partition. */
  holder(partition: Partition): NodeId | undefined {
    return this.#held.get(partition)?.nodeId;
  }

  async #claim(nodeId: NodeId, partition: Partition, signal: AbortSignal): Promise<PartitionClaim> {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    // Nobody waits for it any more once the claim is there.
    aborted.catch(() => undefined);
    // A node without a lease does not get one by asking.
    if (this.#lapsed.has(nodeId)) await aborted;
    for (let held = this.#held.get(partition); held; held = this.#held.get(partition)) {
      await Promise.race([held.free.promise, aborted]);
    }
    signal.throwIfAborted();
    const held: Held = {
      nodeId,
      lost: new AbortController(),
      free: Promise.withResolvers<void>(),
      isOver: false,
    };
    this.#held.set(partition, held);
    return {
      partition,
      mayServe: () => !held.isOver,
      get lostAtMs() {
        return held.lost.signal.aborted ? -Infinity : Infinity;
      },
      lost: held.lost.signal,
      release: () => {
        this.#drop(partition, held);
        return Promise.resolve();
      },
    };
  }

  #drop(partition: Partition, held: Held): void {
    if (this.#held.get(partition) === held) this.#held.delete(partition);
    held.isOver = true;
    held.lost.abort();
    held.free.resolve();
  }
}
