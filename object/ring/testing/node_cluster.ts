/**
 * Whole object nodes in one process, with their real services, on memory disks: the cluster as its
 * callers see it, whose nodes can die, stand still, come back and lose their disks.
 *
 * @module
 */

import { assert, type Clock, SeededRandom, systemClock } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  emptyTopology,
  type Fetcher,
  ManualTopology,
  type NodeId,
  type NodeState,
  RoutedExtentStore,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import { type ObjectNode, openObjectNode, type Trouble } from "../../object_node.ts";

/** How the process of a node is. */
export type ProcessState = "running" | "dead" | "stopped";

interface Process {
  state: ProcessState;
  disk: MemoryDisk;
  node: ObjectNode | undefined;
  /** Calls that arrived. */
  callCount: number;
}

/** Object nodes `object-0` … in three zones, and a store that routes to them. */
export class NodeCluster {
  /** What everybody goes by. */
  readonly topology = new ManualTopology();
  /** The cluster as a frontend sees it. */
  readonly store: RoutedExtentStore;
  /** What the nodes told. */
  readonly troubles: Trouble[] = [];
  readonly #clock: Clock;
  readonly #processes = new Map<NodeId, Process>();

  private constructor(clock: Clock) {
    this.#clock = clock;
    this.store = new RoutedExtentStore({
      topology: this.topology,
      fetcherFor: (address) => this.fetcherFor(address),
      clock,
      random: new SeededRandom(1),
    });
  }

  /** Starts so many nodes, all of them active. */
  static async start(count: number, clock: Clock = systemClock): Promise<NodeCluster> {
    const cluster = new NodeCluster(clock);
    for (let n = 0; n < count; n++) await cluster.add(idOf(n));
    return cluster;
  }

  /** Starts a node with an empty disk and puts it into the topology. */
  async add(id: NodeId, state: NodeState = "active"): Promise<void> {
    this.#processes.set(id, {
      state: "dead",
      disk: new MemoryDisk(),
      node: undefined,
      callCount: 0,
    });
    await this.restart(id);
    this.setState(id, state);
  }

  /** Reaches a node by its address. */
  fetcherFor(address: string): Fetcher {
    return (request) => {
      const process = this.#process(new URL(address).hostname as NodeId);
      process.callCount++;
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

  /** How many calls have reached a node's address. */
  callCount(id: NodeId): number {
    return this.#process(id).callCount;
  }

  /** Lets a node stand still without closing its connections, or go on. */
  stop(id: NodeId, stopped: boolean): void {
    this.#process(id).state = stopped ? "stopped" : "running";
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
      disk,
      clock: this.#clock,
      random: new SeededRandom(7),
      compactionIntervalMs: 0,
      scrubIntervalMs: 0,
      ring: {
        self: id,
        topology: this.topology,
        fetcherFor: (address) => this.fetcherFor(address),
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
    this.topology.set({ ...emptyTopology(), nodes: sorted });
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
