/**
 * A control node: registry, topology feed, controller and service, put together.
 *
 * @module
 */

import { type Clock, hasCode, type Logger, type Random } from "@gitstratum/core";
import type { Consensus } from "@gitstratum/core/consensus";
import {
  type ChangeBasis,
  type Control,
  type HeartbeatRequest,
  type HeartbeatResult,
  type NodeId,
  type NodeRegistration,
  OWN_LEVELS,
  type RegisterNodeRequest,
  releaseLevelOf,
  type RepairSwitch,
  type SpokenLevels,
  type Topology,
  type TopologySource,
} from "@gitstratum/core/rpc";
import { type AccessNode, openAccessNode } from "./access/access_node.ts";
import { AccountAudit } from "./audit/account_audit.ts";
import { checkOwnRelease } from "./cluster_level.ts";
import { ensureCluster } from "./cluster_identity.ts";
import { ControlService } from "./control_service.ts";
import { Controller } from "./controller.ts";
import { NodeRegistry } from "./node_registry.ts";
import { type ControlPolicy, DEFAULT_CONTROL_POLICY } from "./policy.ts";
import { RateDesk } from "./rates/rate_desk.ts";
import { TopologyFeed } from "./topology_feed.ts";
import { TopologyStreams } from "./topology_streams.ts";
import { WebhookStore } from "./webhooks/webhook_store.ts";

/** The world of a control node. */
export interface ControlNodeOptions {
  /** Stays its owner's to close, after the node. */
  readonly consensus: Consensus;
  /** Counts leases and suspicions. */
  readonly clock: Clock;
  /** Draws the id of a new cluster. */
  readonly random: Random;
  /** Told of every topology and of every failure. */
  readonly logger: Logger;
  /** This node among control nodes, for people who look; `control` unless told. */
  readonly name?: string;
  /**
   * No other process uses the store, so whoever was elected before is dead. Never for a store that
   * several control nodes share.
   */
  readonly isAlone?: boolean;
  /** Default `DEFAULT_CONTROL_POLICY`. */
  readonly policy?: ControlPolicy;
  /** What the node speaks; all that this release does, unless told. */
  readonly levels?: SpokenLevels;
}

/** A running control node. */
export interface ControlNode {
  /** The control plane for callers over HTTP or through `fetch`. */
  readonly service: ControlService;
  /** Whether this node's controller is the elected one. */
  readonly isElected: () => boolean;
  /** Whether the store was heard of lately; what this node tells is old otherwise. */
  readonly isInTouch: () => boolean;
  /** The newest topology this node heard of, without asking anybody. */
  readonly newestTopology: () => Topology;
  /** Users, tokens, keys and grants for those in the same process. */
  readonly access: AccessNode;
  /** The topology for those in the same process. */
  readonly topology: TopologySource;
  /** Ends the streams of the topology and the office: readers and controllers elsewhere take over. */
  drain(): Promise<void>;
  /** Stops looking after nodes. */
  close(): Promise<void>;
}

/** A registration is answered though no controller has published it, after so long. */
const PUBLISHED_MS_MAX = 1000;

interface Parts {
  readonly clock: Clock;
  readonly registry: NodeRegistry;
  readonly feed: TopologyFeed;
  readonly controller: Controller;
}

/** {@link Control} over a consensus store with a controller in the same process. */
class LocalControl implements Control, RepairSwitch {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  topology(): Promise<Topology> {
    return this.#parts.feed.read();
  }

  /** What was registered is published before the answer, if there is a controller. */
  async register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    const registration = await this.#parts.registry.register(request);
    const { incarnation } = registration;
    await this.#published(({ nodes }) =>
      nodes.some((node) => node.id === request.id && node.incarnation >= incarnation)
    );
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

  basis(): Promise<number> {
    return this.#parts.registry.basis();
  }

  async setDraining(id: NodeId, draining: boolean, since?: ChangeBasis): Promise<void> {
    await this.#parts.registry.setDraining(id, draining, since);
    await this.#published(({ nodes }) => {
      const state = nodes.find((node) => node.id === id)?.state;
      return state === "draining" || (!draining && state !== undefined);
    });
  }

  async setRepairPaused(id: NodeId, paused: boolean, since?: ChangeBasis): Promise<void> {
    await this.#parts.registry.setRepairPaused(id, paused, since);
    await this.#published(({ nodes }) => {
      const node = nodes.find((node) => node.id === id);
      return node !== undefined && (node.repairPaused ?? false) === paused;
    });
  }

  async leave(id: NodeId, incarnation: number): Promise<void> {
    await this.#parts.registry.leave(id, incarnation);
    await this.#published(({ nodes }) =>
      nodes.some((node) =>
        node.id === id && (node.state === "down" || node.incarnation > incarnation)
      )
    );
  }

  async forget(id: NodeId, since?: ChangeBasis): Promise<void> {
    await this.#parts.registry.forget(id, since);
    await this.#published(({ nodes }) => nodes.every((node) => node.id !== id));
  }

  /**
   * Publishes what was stored, or waits until the elected controller did. Without one the answer does
   * not wait for ever: what was stored counts.
   */
  async #published(isDone: (topology: Topology) => boolean): Promise<void> {
    const { controller, feed, clock } = this.#parts;
    await controller.look();
    await feed.read();
    const end = new AbortController();
    const late = clock.sleep(PUBLISHED_MS_MAX, end.signal).then(() => end.abort(), () => {});
    for (let topology = feed.current(); !isDone(topology) && !end.signal.aborted;) {
      topology = await feed.changed(topology.version, end.signal).catch((error) => {
        if (hasCode(error, "aborted")) return topology;
        throw error;
      });
    }
    end.abort();
    await late;
  }
}

/** Starts a control node over a store. @throws `denied` when its release can not be part of the cluster */
export async function openControlNode(options: ControlNodeOptions): Promise<ControlNode> {
  const { consensus, clock, random, policy = DEFAULT_CONTROL_POLICY } = options;
  const { name = "control", isAlone = false } = options;
  const logger = options.logger.child({ role: "control" });
  await checkOwnRelease(consensus, options.levels ?? OWN_LEVELS);
  const cluster = await ensureCluster(consensus, random);
  const registry = new NodeRegistry(consensus, { policy, cluster, clock });
  const feed = new TopologyFeed({ consensus, clock, logger });
  const base = { consensus, clock, logger, policy };
  const controller = new Controller({ ...base, cluster, name, isAlone });
  await feed.open();
  const audit = new AccountAudit({ consensus, clock, random });
  const releaseLevel = () => releaseLevelOf(feed.current());
  const access = await openAccessNode({ consensus, clock, logger, audit, releaseLevel });
  await controller.open();
  const isInTouch = () => isAlone || controller.isInTouch;
  const streams = new TopologyStreams(feed, clock, { isInTouch });
  const control = new LocalControl({ registry, feed, controller, clock });
  const rates = new RateDesk({ clock, isElected: () => controller.isElected, isAlone });
  return {
    service: new ControlService({
      control,
      streams,
      rates,
      webhooks: new WebhookStore(consensus, { clock, audit }),
      audit,
      releaseLevel,
      access: access.service,
      logger,
    }),
    access,
    isElected: () => controller.isElected,
    isInTouch,
    newestTopology: () => feed.current(),
    topology: feed,
    async drain() {
      streams.close();
      access.drain();
      await controller.close();
    },
    async close() {
      streams.close();
      await controller.close();
      await access.close();
      await feed.close();
    },
  };
}
