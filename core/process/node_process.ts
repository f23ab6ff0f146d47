/**
 * A node as a process: its sockets, its place in the cluster, and the order in which all of it starts
 * and ends.
 *
 * Start: sockets, what the role opens, registration. End: readiness says no, the node tells that it
 * leaves and serves on until others have its duties, running requests finish, the role closes. So a
 * node is never registered at an address that does not listen.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { type Metrics, PrometheusMetrics } from "../metrics.ts";
import type { Random } from "../random.ts";
import type { Service } from "../rpc/fetcher.ts";
import type { NodeAgent, NodeAgentOptions } from "../rpc/topology/node_agent.ts";
import { spokenLevels } from "../rpc/topology/release_level.ts";
import type { Control, NodeId, NodeRole } from "../rpc/topology/topology.ts";
import { withRelay } from "../rpc/relay/node_relay.ts";
import { withTopology } from "../rpc/topology/topology_peers.ts";
import type { TopologySource } from "../rpc/topology/topology_source.ts";
import type { ReadinessFacts } from "./admin_service.ts";
import { joinCluster } from "./membership.ts";
import { type NodeConfig, readNodeFiles } from "./node_config.ts";
import { type NodeFetchers, openNodeFetchers } from "./node_fetcher.ts";
import { NodeServer } from "./node_server.ts";
import { addProcessMetrics } from "./process_metrics.ts";
import type { ProcessWorld } from "./process_world.ts";
import { Releases } from "./releases.ts";
import { type Program, type RunningProcess, runProcess, type StartContext } from "./run_process.ts";

/** What a role is opened with. */
export interface NodeGround {
  /** The node's name. */
  readonly id: NodeId;
  /** Base URL under which others reach it. */
  readonly url: string;
  /** Calls other nodes, and etcd. */
  readonly fetchers: NodeFetchers;
  /** Counts for the operator. */
  readonly metrics: Metrics;
  /** Time. */
  readonly clock: Clock;
  /** Randomness. */
  readonly random: Random;
  /** Knows the role and the node already. */
  readonly logger: Logger;
  /** Aborts when the process is to end before it has started. */
  readonly signal: AbortSignal;
  /** To be called when only a restart can help. */
  readonly onFatal: (error: unknown) => void;
  /** Run at the end, after the last request; newest first. */
  readonly releases: Releases;
}

/** A role that was opened. */
export interface OpenedNode
  extends Pick<NodeAgentOptions, "onTopologyVersion" | "ringVersion" | "caughtUp"> {
  /** Answers other nodes. */
  readonly service: Service;
  /** What it goes by, to be told to other nodes. */
  readonly topology?: TopologySource;
  /** Where to register. */
  readonly control: Control;
  /** Whether it can take duties; always, unless told. */
  readonly isReady?: () => boolean;
  /**
   * Why operators should take it for not ready although it runs; a word for them. Other than
   * `isReady`, it is no news to the control plane, which hears of such a node otherwise or not at all.
   */
  readonly trouble?: () => string | undefined;
  /** For operators who ask about readiness. */
  readonly facts?: () => ReadinessFacts;
  /** Resolves when others have the duties of a node that said that it leaves, or after a bound. */
  readonly handedOver?: () => Promise<void>;
}

/** How to start a node. */
export interface NodeProcessOptions {
  /** What the node does. */
  readonly role: NodeRole;
  /** Settings that all roles have. */
  readonly config: NodeConfig;
  /** The machine. */
  readonly world: ProcessWorld;
  /** The process. */
  readonly context: StartContext;
  /** Opens the role. */
  readonly open: (ground: NodeGround) => Promise<OpenedNode>;
}

/** Runs a node until it is told to end; resolves with the exit code. */
export function runNode<Config extends NodeConfig>(
  world: ProcessWorld,
  program: Pick<Program<Config>, "read" | "help"> & {
    /** What the node does. */
    readonly role: NodeRole;
    /** Opens the role. */
    readonly open: (config: Config, ground: NodeGround) => Promise<OpenedNode>;
  },
): Promise<number> {
  const { role, open, read, help } = program;
  return runProcess(world, {
    read,
    help,
    start: (config, context) =>
      startNode({ role, config, world, context, open: (ground) => open(config, ground) }),
  });
}

/** Starts a node; it is registered when this resolves. */
export function startNode(options: NodeProcessOptions): Promise<RunningProcess> {
  return Releases.opening((releases) => startParts(options, releases));
}

async function startParts(
  options: NodeProcessOptions,
  releases: Releases,
): Promise<RunningProcess> {
  const { role, config, world, context } = options;
  const { clock, random } = world;
  const id = config.id!;
  const logger = context.logger.child({ role, node: id });
  const { files } = readNodeFiles(config, (path) => world.readTextFile(path));
  const metrics = new PrometheusMetrics();
  addProcessMetrics(metrics, { clock, memory: () => Deno.memoryUsage() });
  const fetchers = openNodeFetchers({ files, nodeId: id, clock, random });
  releases.add(() => fetchers.close());
  const server = new NodeServer({ config, files, metrics, clock, logger });
  releases.add(() => server.close());
  const { signal, onFatal } = context;
  const common = { clock, random, logger, signal, onFatal, releases };
  const opened = await options.open({ id, url: server.url, fetchers, metrics, ...common });
  const joined: { agent?: NodeAgent } = {};
  const service = serviceForNodes(opened, { fetchers, metrics });
  server.serve(service, () => readinessOf(opened, joined.agent));
  const agent = await join(options, opened, { url: server.url, logger });
  joined.agent = agent;
  releases.add(() => agent.stop());
  // Last in, first out: nothing is released before the last request has ended.
  releases.add(() => server.close());
  return {
    greeting: [
      `GitStratum ${role} node ${id} serves ${server.url}`,
      `Metrics: ${server.adminUrl}/metrics`,
    ].join("\n"),
    async drain() {
      server.drain();
      await agent.leave();
      await opened.handedOver?.();
    },
    close: () => releases.run(),
  };
}

/** What a node answers besides its role's own: which topology it goes by, and for those cut off. */
function serviceForNodes(
  { service, topology }: OpenedNode,
  parts: { readonly fetchers: NodeFetchers; readonly metrics: Metrics },
): Service {
  if (topology === undefined) return service;
  const relayed = parts.metrics.counter("gitstratum_node_calls_relayed_total", {
    help: "Calls that were to be passed on to a node that the caller could not reach.",
    labels: ["outcome"],
  });
  return withRelay(withTopology(service, topology), {
    topology,
    fetcherFor: () => parts.fetchers.signed,
    onRelayed: (outcome) => relayed.increment({ outcome }),
  });
}

function join(
  options: NodeProcessOptions,
  opened: OpenedNode,
  parts: { readonly url: string; readonly logger: Logger },
): Promise<NodeAgent> {
  const { role, config, world, context } = options;
  const { isReady, onTopologyVersion, ringVersion, caughtUp, topology } = opened;
  // What its disk remembers: a node with another cluster's data is refused.
  const cluster = topology?.current().cluster;
  return joinCluster({
    control: opened.control,
    node: {
      ...{ id: config.id!, role, address: parts.url, zone: config.zone, weight: config.weight },
      ...(cluster === undefined ? {} : { cluster }),
    },
    levels: spokenLevels(config.releaseLevel),
    clock: world.clock,
    logger: parts.logger,
    signal: context.signal,
    onFatal: context.onFatal,
    ...(isReady === undefined ? {} : { isReady }),
    ...(onTopologyVersion === undefined ? {} : { onTopologyVersion }),
    ...(ringVersion === undefined ? {} : { ringVersion }),
    ...(caughtUp === undefined ? {} : { caughtUp }),
  });
}

function readinessOf(opened: OpenedNode, agent: NodeAgent | undefined) {
  const facts = opened.facts?.() ?? {};
  if (agent === undefined) return { ready: false, status: "joining", facts };
  const isReady = opened.isReady?.() ?? true;
  const { state } = agent;
  const trouble = isReady ? opened.trouble?.() : "opening";
  return { ready: trouble === undefined, status: trouble ?? "ok", facts: { ...facts, state } };
}
