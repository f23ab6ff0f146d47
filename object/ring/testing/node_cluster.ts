/**
 * Whole object nodes in one process, with their real services, on memory disks: the cluster as its
 * callers see it, whose nodes can die, stand still, come back and lose their disks.
 *
 * @module
 */

import { assert, SeededRandom, systemClock } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  type Fetcher,
  ManualTopology,
  type NodeId,
  type NodeState,
  RoutedExtentStore,
  type Topology,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import {
  type ObjectNode,
  type ObjectNodeOptions,
  openObjectNode,
  type Trouble,
} from "../../object_node.ts";
import type { UpkeepStatus } from "../ring_upkeep.ts";

/** How the process of a node is. */
export type ProcessState = "running" | "dead" | "stopped";

interface Process {
  /** What the node goes by. */
  readonly topology: ManualTopology;
  /** Whether changes of the topology do not reach it. */
  cutOff: boolean;
  /** What its upkeep told last. */
  status: UpkeepStatus | undefined;
  state: ProcessState;
  disk: MemoryDisk;
  node: ObjectNode | undefined;
  /** Calls that arrived to read or write extents: those that are no upkeep. */
  callCount: number;
  /** Calls that arrived of nodes that coordinate writes. */
  mergeCount: number;
}

/** Object nodes `object-0` … in three zones, and a store that routes to them. */
export class NodeCluster {
  /** What the store goes by, and every node that is not cut off. */
  readonly topology = new ManualTopology();
  /** The cluster as a frontend sees it. */
  readonly store: RoutedExtentStore;
  /** What the nodes told. */
  readonly troubles: Trouble[] = [];
  readonly #options: Pick<ObjectNodeOptions, "clock" | "scrubIntervalMs">;
  readonly #processes = new Map<NodeId, Process>();
  #waiting: (() => void)[] = [];

  private constructor(options: Pick<ObjectNodeOptions, "clock" | "scrubIntervalMs">) {
    this.#options = options;
    this.store = new RoutedExtentStore({
      topology: this.topology,
      fetcherFor: (address) => this.fetcherFor(address),
      clock: options.clock,
      random: new SeededRandom(1),
    });
  }

  /** Starts so many nodes, all of them active. */
  static async start(
    count: number,
    options: Partial<Pick<ObjectNodeOptions, "clock" | "scrubIntervalMs">> = {},
  ): Promise<NodeCluster> {
    const cluster = new NodeCluster({ clock: systemClock, scrubIntervalMs: 0, ...options });
    for (let n = 0; n < count; n++) await cluster.add(idOf(n));
    return cluster;
  }

  /** Starts a node with an empty disk and puts it into the topology. */
  async add(id: NodeId, state: NodeState = "active"): Promise<void> {
    this.#processes.set(id, {
      topology: new ManualTopology(this.topology.current()),
      cutOff: false,
      status: undefined,
      state: "dead",
      disk: new MemoryDisk(),
      node: undefined,
      callCount: 0,
      mergeCount: 0,
    });
    await this.restart(id);
    this.setState(id, state);
  }

  /** Reaches a node by its address. */
  fetcherFor(address: string): Fetcher {
    return (request) => {
      const process = this.#process(new URL(address).hostname as NodeId);
      const { pathname } = new URL(request.url);
      if (pathname.includes("/extents")) process.callCount++;
      if (pathname.endsWith("/merge")) process.mergeCount++;
      switch (process.state) {
        case "dead":
          return Promise.reject(new TypeError("Connection refused"));
        case "stopped":
          return new Promise((_, reject) => {
            request.signal.addEventListener("abort", () => reject(request.signal.reason));
          });
        case "running":
          return process.node!.service.fetch(request);
      }
    };
  }

  /** A running node. */
  node(id: NodeId): ObjectNode {
    const { node } = this.#process(id);
    assert(node !== undefined, "Nodes that are asked for run");
    return node;
  }

  /** A node's disk. */
  disk(id: NodeId): MemoryDisk {
    return this.#process(id).disk;
  }

  /** How many calls to read or write extents have reached a node's address. */
  callCount(id: NodeId): number {
    return this.#process(id).callCount;
  }

  /** How many calls to store copies have reached a node's address. */
  mergeCount(id: NodeId): number {
    return this.#process(id).mergeCount;
  }

  /** Lets a node stand still without closing its connections, or go on. */
  stop(id: NodeId, stopped: boolean): void {
    this.#process(id).state = stopped ? "stopped" : "running";
  }

  /** Cuts a running node off from all others, or ends that. */
  hide(id: NodeId, hidden: boolean): void {
    this.#process(id).state = hidden ? "dead" : "running";
  }

  /** Ends a node's process; what it had not synced may be lost. */
  async kill(id: NodeId): Promise<void> {
    const process = this.#process(id);
    process.state = "dead";
    const disk = process.disk.crash(1);
    await process.node?.close();
    process.node = undefined;
    process.disk = disk;
  }

  /** Starts a node that was killed, on the disk that it left, or on another one. */
  async restart(id: NodeId, disk: MemoryDisk = this.#process(id).disk): Promise<void> {
    const process = this.#process(id);
    assert(process.node === undefined, "Only a dead node starts");
    process.disk = disk;
    process.node = await openObjectNode({
      ...this.#options,
      disk,
      random: new SeededRandom(7),
      compactionIntervalMs: 0,
      ring: {
        self: id,
        topology: process.topology,
        fetcherFor: (address) => this.fetcherFor(address),
        pace: { retryMs: 20, hintIntervalMs: 20 },
        onStatus: (status) => {
          process.status = status;
          for (const wake of this.#waiting.splice(0)) wake();
        },
      },
      onTrouble: (trouble) => this.troubles.push(trouble),
    });
    process.state = "running";
  }

  /** Changes what the topology says of a node. */
  setState(id: NodeId, state: NodeState): void {
    const { nodes } = this.topology.current();
    const number = Number(id.slice("object-".length));
    const node: TopologyNode = {
      id,
      role: "object",
      address: `http://${id}`,
      zone: `zone-${number % 3}`,
      weight: 1,
      state,
      incarnation: 1,
    };
    const others = nodes.filter((other) => other.id !== id);
    const sorted = [...others, node].sort((a, b) => a.id < b.id ? -1 : 1);
    this.#publish({ ...this.topology.current(), nodes: sorted });
  }

  /** Holds up the repairs of a node as an operator does, or lets them go on. */
  pauseRepairs(id: NodeId, repairPaused: boolean): void {
    const topology = this.topology.current();
    const nodes = topology.nodes.map((node) => node.id === id ? { ...node, repairPaused } : node);
    this.#publish({ ...topology, nodes });
  }

  /** Keeps changes of the topology from a node, or lets them reach it. */
  cutOff(id: NodeId, cutOff: boolean): void {
    const process = this.#process(id);
    process.cutOff = cutOff;
    if (!cutOff) process.topology.set(this.topology.current());
  }

  /** Makes these nodes the ring, and the ring so far the one before. */
  changeRing(ids: readonly NodeId[]): void {
    const topology = this.topology.current();
    const { version = 0, current } = topology.rings ?? {};
    const members = topology.nodes.filter(({ id }) => ids.includes(id))
      .map(({ id, zone, weight }) => ({ id, zone, weight }));
    const previous = current === undefined ? {} : { previous: current };
    this.#publish({ ...topology, rings: { version: version + 1, current: members, ...previous } });
  }

  /** Takes a change of the ring back: the ring before is the only one again. */
  takeRingBack(): void {
    const topology = this.topology.current();
    const { version, previous } = topology.rings!;
    assert(previous !== undefined, "The ring is changing");
    this.#publish({ ...topology, rings: { version: version + 1, current: previous } });
  }

  /** Waits until every member of the ring holds what it owns, then drops the ring before. */
  async closeHandOver(): Promise<void> {
    const topology = this.topology.current();
    const { version, current } = topology.rings!;
    await this.until(() =>
      current.every(({ id }) => (this.#process(id).status?.ringVersion ?? 0) >= version)
    );
    this.#publish({ ...topology, rings: { version, current } });
  }

  /** Waits until a node has dropped what it does not own by the ring of now. */
  async forgotten(id: NodeId): Promise<void> {
    const { version } = this.topology.current().rings!;
    await this.until(() => (this.#process(id).status?.cleanRingVersion ?? 0) >= version);
  }

  /** Waits until something holds that the nodes' upkeep brings about. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
  }

  #publish(topology: Topology): void {
    this.topology.set(topology);
    for (const process of this.#processes.values()) {
      if (!process.cutOff) process.topology.set(this.topology.current());
    }
  }

  /** Resolves when no running node has copies on their way any more. */
  async idle(): Promise<void> {
    for (const { node } of this.#processes.values()) await node?.ring?.idle();
  }

  /** Ends every node. */
  async close(): Promise<void> {
    for (const { node } of this.#processes.values()) await node?.close();
  }

  #process(id: NodeId): Process {
    const process = this.#processes.get(id);
    assert(process !== undefined, "The node was added");
    return process;
  }
}

/** The id of the node number `n`. */
export function idOf(n: number): NodeId {
  return `object-${n}` as NodeId;
}
