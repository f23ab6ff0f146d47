/**
 * What a node tells a peer about the extents that they share: digests of parts of the ring, and the
 * records of parts that turn out to differ. So two nodes that are alike exchange some hundred bytes,
 * whatever they hold.
 *
 * A question about the whole ring begins a comparison: a snapshot is made for it, and kept for the
 * questions that follow. It is never kept over a change of the ring, so it has every write that was coordinated by a ring before.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import type { NodeId } from "@gitstratum/core/rpc";
import {
  DigestSnapshot,
  type PositionRange,
  type RangeDigest,
  WHOLE_RING,
} from "./digest_snapshot.ts";
import { listRecords } from "./extent_listing.ts";
import { placeExtent, type RingView } from "./placement.ts";
import type { ReplicaNode } from "./replica_node.ts";
import type { ReplicaRecord } from "./replica_record.ts";

/** A node's answers to a peer that compares itself with it. */
export interface PeerDigests {
  /** Digests of ranges, in their order, of the extents that the node shares with `peer`. */
  digests(peer: NodeId, ranges: readonly PositionRange[]): Promise<readonly RangeDigest[]>;
  /** The records of such extents in ranges. */
  records(peer: NodeId, ranges: readonly PositionRange[]): Promise<readonly ReplicaRecord[]>;
}

/** What is needed to answer. */
export interface SharedDigestsOptions {
  /** The node that answers. */
  readonly self: NodeId;
  /** Its replica. */
  readonly replica: ReplicaNode;
  /** The rings as they are now. */
  readonly view: () => RingView;
  /** Counts how old snapshots are. */
  readonly clock: Pick<Clock, "monotonicMs">;
}

interface KeptSnapshot {
  readonly peer: NodeId;
  readonly view: RingView;
  readonly madeMs: number;
  readonly snapshot: Promise<DigestSnapshot>;
}

/** Longer than a comparison pauses between two questions; later ones get a new snapshot. */
const SNAPSHOT_LIFE_MS = 60_000;
/** Snapshots of so many peers at a time: a node compares itself with one after the other. */
const SNAPSHOT_COUNT_MAX = 3;

/** Answers peers from a node's own replica. */
export class SharedDigests implements PeerDigests {
  readonly #options: SharedDigestsOptions;
  #kept: readonly KeptSnapshot[] = [];

  /** Makes answers; nothing is read before the first question. */
  constructor(options: SharedDigestsOptions) {
    this.#options = options;
  }

  /** {@inheritDoc PeerDigests.digests} */
  async digests(
    peer: NodeId,
    ranges: readonly PositionRange[],
  ): Promise<readonly RangeDigest[]> {
    const [first] = ranges;
    const begins = first?.from === WHOLE_RING.from && first.to === WHOLE_RING.to;
    if (begins) this.#kept = this.#kept.filter((one) => one.peer !== peer);
    const snapshot = await this.#snapshot(peer);
    return ranges.map((range) => snapshot.digest(range));
  }

  /** {@inheritDoc PeerDigests.records} */
  async records(
    peer: NodeId,
    ranges: readonly PositionRange[],
  ): Promise<readonly ReplicaRecord[]> {
    const snapshot = await this.#snapshot(peer);
    return ranges.flatMap((range) => snapshot.records(range));
  }

  #snapshot(peer: NodeId): Promise<DigestSnapshot> {
    const { view: viewNow, clock } = this.#options;
    const [view, nowMs] = [viewNow(), clock.monotonicMs()];
    const usable = this.#kept.filter((one) =>
      one.view.version === view.version && one.view.current === view.current &&
      one.view.previous === view.previous && one.madeMs + SNAPSHOT_LIFE_MS > nowMs
    );
    const known = usable.find((one) => one.peer === peer);
    if (known !== undefined) return known.snapshot;
    const snapshot = this.#make(peer, view);
    const kept = { peer, view, madeMs: nowMs, snapshot };
    this.#kept = [kept, ...usable].slice(0, SNAPSHOT_COUNT_MAX);
    snapshot.catch(() => {
      // Whoever asked is told; the next one makes a new snapshot.
      this.#kept = this.#kept.filter((one) => one !== kept);
    });
    return snapshot;
  }

  async #make(peer: NodeId, view: RingView): Promise<DigestSnapshot> {
    const { self, replica } = this.#options;
    const shared = sharedBy(view, [self, peer]);
    return await DigestSnapshot.build(await listRecords((page) => replica.list(page), shared));
  }
}

/** Whether an extent belongs to both of two nodes, by either ring. */
export function sharedBy(
  view: RingView,
  nodes: readonly [NodeId, NodeId],
): (record: ReplicaRecord) => boolean {
  return ({ id }) => {
    const { owners } = placeExtent(view, id);
    return nodes.every((node) => owners.includes(node));
  };
}
