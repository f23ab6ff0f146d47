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
import type { Disk } from "@gitstratum/core/disk";
import {
  type ExtentStore,
  type Fetcher,
  type NodeId,
  ObjectRingCache,
  type Service,
  type TopologySource,
} from "@gitstratum/core/rpc";
import type { SegmentStore } from "../segment_store.ts";
import { DiskCheckpoints } from "./disk_checkpoints.ts";
import type { RingView } from "./placement.ts";
import { RefillingReplica } from "./refilling_replica.ts";
import { ReplicaService } from "./replica_service.ts";
import { ReplicatedExtentStore } from "./replicated_extent_store.ts";
import { RingPeers } from "./ring_peers.ts";
import { RingUpkeep, type UpkeepPace, type UpkeepStatus } from "./ring_upkeep.ts";
import { SegmentReplica } from "./segment_replica.ts";
import { SharedDigests } from "./shared_digests.ts";

/** The cluster that a node belongs to. */
export interface RingMembership {
  /** The node's own id. */
  readonly self: NodeId;
  /** Follows the cluster's topology. */
  readonly topology: TopologySource;
  /** Reaches another node's address; signs what goes there. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** Told what upkeep is at whenever that changed. */
  readonly onStatus?: (status: UpkeepStatus) => void;
  /** Intervals and pace of upkeep, where they differ from the usual. */
  readonly pace?: Partial<UpkeepPace>;
}

/** What a node on the ring needs. */
export interface RingNodeOptions extends RingMembership {
  /** What the node itself holds. */
  readonly store: SegmentStore;
  /** The node's directory, for what upkeep has to remember. */
  readonly disk: Disk;
  /** Counts timeouts and the times of upkeep. */
  readonly clock: Clock;
  /** Whether the node once had all that it owns since its disk was empty. */
  readonly filled: boolean;
  /** Told once it has. */
  readonly onFilled: () => Promise<void>;
  /** Whether callers need the node more than its upkeep does. */
  readonly isBusy?: () => boolean;
  /** Told of what people should know. */
  readonly onTrouble?: (trouble: RingTrouble) => void;
  /** Told of every error that is a bug. */
  readonly onUnexpected?: (error: unknown) => void;
}

/** Something that people should know: what calls met, or what upkeep met. */
export interface RingTrouble {
  /** A `ReplicationTrouble`'s, or `lost`, `divergent`, `repair`, `hint`, `upkeep`. */
  readonly what: string;
  /** Facts. */
  readonly data: Readonly<Record<string, unknown>>;
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
  /** What the node does in the background; begins when it is told. */
  readonly upkeep: RingUpkeep;
  readonly #replicated: ReplicatedExtentStore;
  readonly #closed = new AbortController();

  /** Makes a node over an open store, which stays its owner's to close. */
  constructor(options: RingNodeOptions) {
    const { self, topology, clock, store, onTrouble, onUnexpected } = options;
    const own = new SegmentReplica(store);
    const replica = new RefillingReplica(own, () => this.upkeep.status.refilling);
    const rings = new ObjectRingCache();
    this.view = () => rings.of(topology.current());
    const ringVersion = () => this.view().version ?? 0;
    const { signal } = this.#closed;
    this.peers = new RingPeers({ ...options, replica, ringVersion, signal });
    this.#replicated = new ReplicatedExtentStore({
      view: this.view,
      nodeOf: (id) => this.peers.replica(id),
      self,
      clock,
      onMissed: (nodes) => this.upkeep.noteMissed(nodes),
      ...(onTrouble === undefined ? {} : { onTrouble }),
    });
    this.extents = this.#replicated;
    this.upkeep = new RingUpkeep({
      ...options,
      view: this.view,
      // Upkeep has to see what is missing here.
      peers: (signal) => new RingPeers({ ...options, replica: own, ringVersion, signal }),
      checkpoints: new DiskCheckpoints(options.disk),
      onTrouble: (what, data) => onTrouble?.({ what, data }),
    });
    this.service = new ReplicaService({
      replica,
      digests: new SharedDigests({ self, replica: own, view: this.view, clock }),
      ringVersion,
      onNewerRing: () => {
        topology.refresh().catch(() => {
          // A hint: the topology comes by itself as soon as the control plane is back.
        });
      },
      onMissed: () => this.upkeep.compareAsked(),
      upkeep: this.upkeep,
      ...(onUnexpected === undefined ? {} : { onUnexpected }),
    });
  }

  /** Resolves when nothing is on its way to others any more. */
  async idle(): Promise<void> {
    await this.#replicated.idle();
  }

  /** Ends upkeep, and what is on its way. */
  async close(): Promise<void> {
    await this.upkeep.close();
    await this.#replicated.idle();
    this.#closed.abort();
  }
}
