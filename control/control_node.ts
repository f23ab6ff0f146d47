/**
 * A control node: registry, topology feed, controller and service, put together.
 *
 * @module
 */

import type { Clock, Logger } from "@gitstratum/core";
import type { Consensus } from "@gitstratum/core/consensus";
import type {
  Control,
  HeartbeatRequest,
  HeartbeatResult,
  NodeId,
  NodeRegistration,
  RegisterNodeRequest,
  Topology,
  TopologySource,
} from "@gitstratum/core/rpc";
import { ControlService } from "./control_service.ts";
import { Controller } from "./controller.ts";
import { NodeRegistry } from "./node_registry.ts";
import { type ControlPolicy, DEFAULT_CONTROL_POLICY } from "./policy.ts";
import { TopologyFeed } from "./topology_feed.ts";
import { TopologyStreams } from "./topology_streams.ts";

/** The world of a control node. */
export interface ControlNodeOptions {
  /** Stays its owner's to close, after the node. */
  readonly consensus: Consensus;
  /** Counts leases and suspicions. */
  readonly clock: Clock;
  /** Told of every topology and of every failure. */
  readonly logger: Logger;
  /** Default `DEFAULT_CONTROL_POLICY`. */
  readonly policy?: ControlPolicy;
}

/** A running control node. */
export interface ControlNode {
  /** The control plane for callers over HTTP or through `fetch`. */
  readonly service: ControlService;
  /** The newest topology this node heard of, without asking anybody. */
  readonly newestTopology: () => Topology;
  /** The topology for those in the same process. */
  readonly topology: TopologySource;
  /** Ends the streams of the topology: their readers go to another control node. */
  drain(): void;
  /** Stops looking after nodes. */
  close(): Promise<void>;
}

interface Parts {
  readonly registry: NodeRegistry;
  readonly feed: TopologyFeed;
  readonly controller: Controller;
}

/** {@link Control} over a consensus store with a controller in the same process. */
class LocalControl implements Control {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  topology(): Promise<Topology> {
    return this.#parts.feed.read();
  }

  /** What was registered is published before the answer: a caller may read it at once. */
  async register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    const registration = await this.#parts.registry.register(request);
    await this.#parts.controller.look();
    return registration;
  }

  async heartbeat(id: NodeId, request: HeartbeatRequest): Promise<HeartbeatResult> {
    await this.#parts.registry.heartbeat(id, request);
    const { nodes, version } = this.#parts.feed.current();
    const found = nodes.find((node) => node.id === id);
    // What is published may still speak of an incarnation before this one.
    const state = found?.incarnation === request.incarnation ? found.state : "joining";
    return { state, topologyVersion: version };
  }

  async setDraining(id: NodeId, draining: boolean): Promise<void> {
    await this.#parts.registry.setDraining(id, draining);
    await this.#parts.controller.look();
  }
}

/** Starts a control node over a store. */
export async function openControlNode(options: ControlNodeOptions): Promise<ControlNode> {
  const { consensus, clock, policy = DEFAULT_CONTROL_POLICY } = options;
  const logger = options.logger.child({ role: "control" });
  const registry = new NodeRegistry(consensus, policy);
  const feed = new TopologyFeed({ consensus, clock, logger });
  const controller = new Controller({ consensus, clock, logger, policy });
  await feed.open();
  controller.open();
  const streams = new TopologyStreams(feed, clock);
  const control = new LocalControl({ registry, feed, controller });
  return {
    service: new ControlService({ control, streams, logger }),
    newestTopology: () => feed.current(),
    topology: feed,
    drain: () => streams.close(),
    async close() {
      streams.close();
      await controller.close();
      await feed.close();
    },
  };
}
