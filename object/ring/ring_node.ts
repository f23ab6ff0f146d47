/**
 * A node as a part of the ring: its replica for the others, and all of the ring's extents for callers,
 * for whom it coordinates.
 *
 * The rings follow the topology with each call; calls that began with an older one end with it, which
 * costs a detour and no data, because former owners keep what they have until it is handed over.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import {
  type ExtentStore,
  type Fetcher,
  type NodeId,
  ObjectRingCache,
  type Service,
  type TopologySource,
} from "@gitstratum/core/rpc";
import type { SegmentStore } from "../segment_store.ts";
import type { RingView } from "./placement.ts";
import { ReplicaService } from "./replica_service.ts";
import { ReplicatedExtentStore, type ReplicationTrouble } from "./replicated_extent_store.ts";
import { RingPeers } from "./ring_peers.ts";
import { SegmentReplica } from "./segment_replica.ts";

/** The cluster that a node belongs to. */
export interface RingMembership {
  /** The node's own id. */
  readonly self: NodeId;
  /** Follows the cluster's topology. */
  readonly topology: TopologySource;
  /** Reaches another node's address; signs what goes there. */
  readonly fetcherFor: (address: string) => Fetcher;
}

/** What a node on the ring needs. */
export interface RingNodeOptions extends RingMembership {
  /** What the node itself holds. */
  readonly store: SegmentStore;
  /** Counts timeouts and the times of upkeep. */
  readonly clock: Clock;
  /** Told of what people should know. */
  readonly onTrouble?: (trouble: ReplicationTrouble) => void;
  /** Told of every error that is a bug. */
  readonly onUnexpected?: (error: unknown) => void;
}

/** A node on the ring. */
export class RingNode {
  /** Answers the other nodes below `REPLICA_PATH`. */
  readonly service: Service;
  /** Coordinates reads and writes of the ring's extents. */
  readonly extents: ExtentStore;
  /** The rings as they are now. */
  readonly view: () => RingView;
  /** Reaches the nodes of the rings. */
  readonly peers: RingPeers;
  readonly #replicated: ReplicatedExtentStore;

  /** Makes a node over an open store, which stays its owner's to close. */
  constructor(options: RingNodeOptions) {
    const { self, topology, clock, store, onTrouble, onUnexpected } = options;
    const replica = new SegmentReplica(store);
    const rings = new ObjectRingCache();
    this.view = () => rings.of(topology.current());
    const ringVersion = () => this.view().version ?? 0;
    this.peers = new RingPeers({ ...options, replica, ringVersion });
    this.#replicated = new ReplicatedExtentStore({
      view: this.view,
      nodeOf: (id) => this.peers.replica(id),
      self,
      clock,
      ...(onTrouble === undefined ? {} : { onTrouble }),
    });
    this.extents = this.#replicated;
    this.service = new ReplicaService({
      replica,
      ringVersion,
      onNewerRing: () => {
        topology.refresh().catch(() => {
          // A hint: the topology comes by itself as soon as the control plane is back.
        });
      },
      ...(onUnexpected === undefined ? {} : { onUnexpected }),
    });
  }

  /** Resolves when nothing is on its way to others any more. */
  async idle(): Promise<void> {
    await this.#replicated.idle();
  }
}
