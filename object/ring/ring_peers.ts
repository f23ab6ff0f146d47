/**
 * The nodes of the ring as one of them reaches them: itself directly, the others over the network.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import type { Fetcher, NodeId, TopologySource } from "@gitstratum/core/rpc";
import { ReplicaClient } from "./replica_client.ts";
import type { ReplicaNode } from "./replica_node.ts";

/** What is needed to reach the others. */
export interface RingPeersOptions {
  /** The node that asks; absent when it is not on the ring. */
  readonly self?: NodeId;
  /** Its own replica. */
  readonly replica?: ReplicaNode;
  /** Knows the others' addresses. */
  readonly topology: TopologySource;
  /** Reaches an address; signs what goes there. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** The version of the ring by which the node goes. */
  readonly ringVersion: () => number;
  /** Counts how long answers take. */
  readonly clock: Clock;
  /** Ends all calls. */
  readonly signal?: AbortSignal;
}

interface Peer {
  readonly address: string;
  readonly client: ReplicaClient;
}

/** Finds replicas by their nodes' ids. */
export class RingPeers {
  readonly #options: RingPeersOptions;
  readonly #peers = new Map<NodeId, Peer>();

  /** Makes the peers of a node. */
  constructor(options: RingPeersOptions) {
    this.#options = options;
  }

  /**
   * A node's replica.
   *
   * @throws `unavailable` when the topology does not know the node
   */
  replica(id: NodeId): ReplicaNode {
    const { self, replica } = this.#options;
    return id === self && replica !== undefined ? replica : this.client(id);
  }

  /**
   * Another node.
   *
   * @throws `unavailable` when the topology does not know it
   */
  client(id: NodeId): ReplicaClient {
    const { topology } = this.#options;
    const node = topology.current().nodes.find((node) => node.id === id && node.role === "object");
    if (node === undefined) {
      this.#peers.delete(id);
      throw new GitStratumError("unavailable", "Know no address of an object node", {
        data: { node: id },
      });
    }
    const known = this.#peers.get(id);
    if (known?.address === node.address) return known.client;
    const { address } = node;
    const client = new ReplicaClient(this.#options.fetcherFor(address), {
      ...this.#options,
      baseUrl: address,
    });
    this.#peers.set(id, { address, client });
    return client;
  }
}
