/**
 * A cluster within a process: nodes that know each other alone, on sockets of loopback, with a secret
 * that nobody else has. They are served and called like any others, so that the code between them is
 * what the process uses later.
 *
 * Invariant: nothing that is done here reaches another process, and nobody else is answered.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { silentLogger } from "../logger.ts";
import { PrometheusMetrics } from "../metrics.ts";
import { type NodeFetchers, openNodeFetchers } from "../process/node_fetcher.ts";
import { NodeServer } from "../process/node_server.ts";
import type { Releases } from "../process/releases.ts";
import type { Random } from "../random.ts";
import { partitionOf } from "../ring/partition.ts";
import type { Service } from "../rpc/fetcher.ts";
import { type NetworkId, parseRepositoryId, type RepositoryId } from "../rpc/ids.ts";
import type { CreateRepositoryRequest } from "../rpc/metadata/metadata.ts";
import type { PartitionRouterOptions } from "../rpc/metadata/partition_router.ts";
import { withRelay } from "../rpc/relay/node_relay.ts";
import { parseRepositoryName, type RepositoryName } from "../rpc/repository/repository_name.ts";
import { ManualTopology } from "../rpc/topology/manual_topology.ts";
import {
  emptyTopology,
  type NodeId,
  parseNodeId,
  type TopologyNode,
} from "../rpc/topology/topology.ts";
import { withTopology } from "../rpc/topology/topology_peers.ts";

/** The repository of rehearsals. */
export const PRACTICE_NAME: RepositoryName = parseRepositoryName("practice/practice");
/** Its id. */
export const PRACTICE_REPOSITORY_ID: RepositoryId = parseRepositoryId("0".repeat(32));
/** What makes it. */
export const PRACTICE_CREATION: CreateRepositoryRequest = {
  name: PRACTICE_NAME,
  objectFormat: "sha1",
  defaultBranch: "main",
  repositoryId: PRACTICE_REPOSITORY_ID,
};

/** What a cluster of practice works with. */
export interface PracticeClusterOptions {
  /** Time. */
  readonly clock: Clock;
  /** Makes the secret. */
  readonly random: Random;
  /** Ends the cluster. */
  readonly releases: Releases;
}

/** A node of practice. */
export interface PracticeNode {
  /** Its name. */
  readonly id: NodeId;
  /** From now on requests go to `service`. */
  serve(service: Service): void;
}

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const SECRET_BYTES = 32;
/** Partitions that a metadata node opens: those of the repository and of its name. */
const PARTITIONS: ReadonlySet<number> = new Set([
  partitionOf(PRACTICE_NAME),
  partitionOf(PRACTICE_REPOSITORY_ID as string as NetworkId),
]);

/** Nodes within this process. */
export class PracticeCluster {
  /** Names the nodes that were added. */
  readonly topology: ManualTopology = new ManualTopology();
  /** Calls them. */
  readonly fetchers: NodeFetchers;
  readonly #options: PracticeClusterOptions;
  readonly #secrets: readonly string[];

  /** Makes a cluster of no nodes. */
  constructor(options: PracticeClusterOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#secrets = [random.bytes(SECRET_BYTES).toHex()];
    const files = { secrets: this.#secrets, caCerts: [] };
    this.fetchers = openNodeFetchers({ files, nodeId: parseNodeId("practice"), clock, random });
  }

  /** What clients of the cluster are made with. */
  get routing(): PartitionRouterOptions {
    const { clock, random } = this.#options;
    const { topology, fetchers } = this;
    return { topology, clock, random, fetcherFor: () => fetchers.signed };
  }

  /** Adds a node, which answers when it is told what to serve. */
  add(role: "metadata" | "object"): PracticeNode {
    const { clock, releases } = this.#options;
    const server = new NodeServer({
      config: { listen: LOOPBACK, admin: LOOPBACK },
      files: { secrets: this.#secrets, caCerts: [] },
      metrics: new PrometheusMetrics(),
      clock,
      logger: silentLogger,
    });
    releases.add(() => server.close());
    const id = parseNodeId(`practice-${role}`);
    this.#name({
      ...{ id, role, address: server.url, zone: "practice", weight: 1 },
      ...{ state: "active", incarnation: 1 },
    });
    return { id, serve: (service) => server.serve(this.#whole(service), () => ALWAYS) };
  }

  /** Ends what calls nodes; they end with the releases. */
  close(): void {
    this.fetchers.close();
  }

  #whole(service: Service): Service {
    const { topology, fetchers } = this;
    const fetcherFor = () => fetchers.signed;
    return withRelay(withTopology(service, topology), { topology, fetcherFor });
  }

  #name(node: TopologyNode): void {
    const { nodes, partitions, ...rest } = this.topology.current();
    const primary = node.role === "metadata" ? node.id : undefined;
    this.topology.set({
      ...rest,
      nodes: [...nodes, node],
      partitions: primary === undefined
        ? partitions
        : emptyTopology().partitions.map((none, partition) =>
          PARTITIONS.has(partition) ? { primary, followers: [] } : none
        ),
    });
  }
}

const ALWAYS = { ready: true, status: "ok" };
