/**
 * The right of a metadata node to answer for partitions.
 *
 * The log fences writes by epochs; reads need something else, because a primary that was paused or cut
 * off would answer from a state that is not the newest any more. So a node holds a lease in the
 * consensus store, and claims each partition under it before it opens the partition's log. Nobody else
 * gets the claim before it is released or the lease has ended; the node itself takes it for ended
 * earlier, counted on its own monotonic clock from the moment it *sent* the last keep-alive.
 *
 * Invariant: at no moment do two claims of one partition both say that they may serve, as long as the
 * clocks of the node and the store differ in speed by less than the margin allows.
 *
 * Nothing here asks the control plane: nodes serve on while it is away.
 *
 * @module
 */

import type { Partition } from "../../consensus/log.ts";

/** A partition that is this node's, for as long as its lease lives. */
export interface PartitionClaim {
  /** Which partition. */
  readonly partition: Partition;
  /**
   * Whether the node may answer for the partition at this moment. Ask after an answer was computed and
   * before it is sent: the process may have been paused in between. Never true again once it was false
   * for the reason that the lease was lost.
   */
  mayServe(): boolean;
  /**
   * When the claim ends unless it is prolonged, in milliseconds of the node's monotonic clock.
   * `-Infinity` once it is lost or released, `Infinity` where nobody else could ever claim.
   */
  readonly lostAtMs: number;
  /** Aborts when the claim is lost or released: close the partition, and claim it again if need be. */
  readonly lost: AbortSignal;
  /**
   * Lets others claim the partition. To be called after its last answer was sent. When the store is
   * away the claim is given up here at once and ends there with the lease.
   */
  release(): Promise<void>;
}

/** What a node holds in the consensus store. */
export interface NodeLease {
  /** Whether the node's lease lives at this moment; for health pages. Answers go by their claim. */
  mayServe(): boolean;
  /** When the lease ends unless it is prolonged, as {@link PartitionClaim.lostAtMs}. */
  readonly lostAtMs: number;
  /**
   * Waits until nobody else may answer for the partition, and claims it. Fence the log only then.
   *
   * @throws `aborted` when the signal aborts or the lease is closed
   */
  claim(partition: Partition, signal: AbortSignal): Promise<PartitionClaim>;
}

/** The lease of a node that is alone by other means: one process on a locked data directory. */
export const SOLE_LEASE: NodeLease = {
  mayServe: () => true,
  lostAtMs: Infinity,
  claim: (partition) => Promise.resolve(soleClaim(partition)),
};

function soleClaim(partition: Partition): PartitionClaim {
  const ended = new AbortController();
  return {
    partition,
    mayServe: () => !ended.signal.aborted,
    get lostAtMs() {
      return ended.signal.aborted ? -Infinity : Infinity;
    },
    lost: ended.signal,
    release() {
      ended.abort();
      return Promise.resolve();
    },
  };
}
