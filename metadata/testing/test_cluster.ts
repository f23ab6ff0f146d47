/**
 * Several metadata nodes over one log and one extent store, and a client of the cluster: nodes die,
 * hang, and hold old topologies when a test says so.
 *
 * @module
 */

import { ManualClock, systemRandom } from "@gitstratum/core";
import {
  ConsensusLog,
  type Log,
  MemoryConsensus,
  type Partition,
} from "@gitstratum/core/consensus";
import type { Oid } from "@gitstratum/core/git";
import {
  emptyTopology,
  type Fetcher,
  ManualTopology,
  MemoryExtentStore,
  MetadataClient,
  type NodeId,
  parseRepositoryName,
  type PartitionAssignment,
  type PushResult,
  type Reference,
  type RepositoryInfo,
  type RepositoryKey,
  RoutedAuditTrail,
  RoutedMetadata,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import {
  type MetadataNodeOptions,
  type OpenMetadataNode,
  openMetadataNode,
} from "../open_metadata_node.ts";
import { ClaimTable } from "./claim_table.ts";
import { FaultyLog } from "./faulty_log.ts";
import { GroupBuilder } from "./group_builder.ts";
import { command, pushRequest, SILENT } from "./test_node.ts";

/** A time to begin with: 2026. */
const START_MS = 1_767_225_600_000;

/** One node, and what stands between it and the world. */
export interface ClusterNode {
  readonly id: NodeId;
  readonly directory: string;
  readonly log: FaultyLog;
  readonly topology: ManualTopology;
  node: OpenMetadataNode;
  /** How requests to it fare. */
  reach: "answers" | "refuses" | "hangs" | "breaks" | "dies";
  /** Whether it hears of new topologies. */
  hears: boolean;
}

/** Beyond what a client asks for anew as a whole. */
const DEATH_BYTES = 700_000;

/** How a cluster is started. */
export interface TestClusterOptions
  extends Pick<Partial<MetadataNodeOptions>, "keepEntryCount" | "webhooks"> {
  /** Ids of its nodes. */
  readonly ids?: readonly string[];
  /** Who serves a partition; spread evenly, all others following, unless told. */
  readonly assign?: (partition: Partition, ids: readonly NodeId[]) => PartitionAssignment;
  /** Where the log is kept; in memory unless told. */
  readonly log?: Log;
  /** The cluster's release level; none is told unless given. */
  readonly level?: number;
  /** Listens to what the client and the nodes say to each other. */
  readonly overhear?: (fetcher: Fetcher) => Fetcher;
}

/** Spreads primaries evenly; everybody else follows. */
export function spread(partition: Partition, ids: readonly NodeId[]): PartitionAssignment {
  const primary = ids[partition % ids.length]!;
  return { primary, followers: ids.filter((id) => id !== primary) };
}

/** Nodes a, b, c, … and a client that knows the newest topology. */
export class TestCluster implements AsyncDisposable {
  readonly clock = new ManualClock(START_MS);
  readonly extents = new MemoryExtentStore({ clock: this.clock });
  readonly objects = new GroupBuilder();
  readonly claims = new ClaimTable();
  readonly topology = new ManualTopology();
  readonly nodes = new Map<NodeId, ClusterNode>();
  readonly metadata = new RoutedMetadata({ ...this.#routing(this.topology) });
  readonly audit = new RoutedAuditTrail(this.#routing(this.topology));
  readonly #consensus = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly #options: TestClusterOptions;
  #waiting = 0;
  #passing: Promise<void> | undefined;
  readonly log: Log;

  private constructor(options: TestClusterOptions) {
    this.#options = options;
    this.log = options.log ?? new ConsensusLog(this.#consensus);
  }

  /** Starts nodes and gives them their partitions. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    for (const id of options.ids ?? ["a", "b", "c"]) await cluster.add(id as NodeId);
    cluster.assign(options.assign ?? spread);
    return cluster;
  }

  /** Starts one more node, on an empty directory. */
  async add(id: NodeId): Promise<ClusterNode> {
    const topology = new ManualTopology(this.topology.current());
    const directory = await Deno.makeTempDir({ prefix: `gitstratum-${id}-` });
    const log = new FaultyLog(this.log);
    const parts = { id, directory, log, topology, reach: "answers" as const, hears: true };
    const member: ClusterNode = { ...parts, node: await this.#open(parts) };
    this.nodes.set(id, member);
    return member;
  }

  /** A node by its id. */
  member(id: string): ClusterNode {
    return this.nodes.get(id as NodeId)!;
  }

  /** What a node itself answers. */
  at(id: string): MetadataClient {
    return new MetadataClient((request) => this.member(id).node.service.fetch(request));
  }

  /** Makes a new topology, of which nodes that hear are told. */
  assign(assign: (partition: Partition, ids: readonly NodeId[]) => PartitionAssignment): void {
    const ids = [...this.nodes.keys()];
    const nodes = ids.map((id): TopologyNode => ({
      id,
      role: "metadata",
      address: `http://${id}.internal`,
      zone: id,
      weight: 1,
      state: "active",
      incarnation: 1,
    }));
    const partitions = emptyTopology().partitions.map((_, partition) =>
      assign(partition as Partition, ids)
    );
    const { level } = this.#options;
    const told = level === undefined ? {} : { level };
    this.topology.set({ ...emptyTopology(), ...told, nodes, partitions });
    for (const { hears, topology } of this.nodes.values()) {
      if (hears) topology.set(this.topology.current());
    }
  }

  /** A process that ended: no answers, no log, and after a while no lease. */
  kill(id: string): void {
    const member = this.member(id);
    member.reach = "refuses";
    member.hears = false;
    member.log.crash();
  }

  /** Gives everything that a node had to the others. */
  replace(id: string): void {
    this.claims.expire(id as NodeId);
    this.assign((partition, ids) => spread(partition, ids.filter((other) => other !== id)));
  }

  /** Starts a killed node again, on its directory or (`lose`) on an empty one. */
  async restart(id: string, options: { readonly lose?: boolean } = {}): Promise<void> {
    const member = this.member(id);
    await member.node.close();
    if (options.lose) await Deno.remove(member.directory, { recursive: true });
    member.log.revive();
    member.hears = true;
    member.topology.set(this.topology.current());
    this.claims.revive(member.id);
    member.node = await this.#open(member);
    member.reach = "answers";
  }

  /** Lets time pass until something is done; others may wait for something else meanwhile. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    // Whoever awaits the result below gets the failure.
    work.catch(() => undefined).finally(() => this.#waiting--);
    this.#passing ??= this.#letTimePass();
    return await work;
  }

  async #letTimePass(): Promise<void> {
    while (this.#waiting > 0) await this.clock.advance(250);
    this.#passing = undefined;
  }

  /** Creates a repository. */
  create(name: string): Promise<RepositoryInfo> {
    return this.during(this.metadata.createRepository({
      name: parseRepositoryName(name),
      objectFormat: "sha1",
      defaultBranch: "main",
    }));
  }

  /** Pushes a commit to a new branch. */
  async pushNew(
    key: RepositoryKey,
    name: string,
    metadata: Pick<RoutedMetadata, "push"> = this.metadata,
  ): Promise<{ readonly oid: Oid; readonly result: Promise<PushResult> }> {
    const oid = this.objects.commitOf(`${name} of ${key.repositoryId}`);
    const group = await this.objects.store(this.extents, { networkId: key.networkId, tips: [oid] });
    const request = pushRequest([command(name, undefined, oid)], { group });
    return { oid, result: metadata.push(key, request) };
  }

  /** All references of a repository. */
  async references(
    key: RepositoryKey,
    metadata: Pick<RoutedMetadata, "listReferences"> = this.metadata,
  ): Promise<Reference[]> {
    const { references } = await this.during(metadata.listReferences(key, { prefixes: [] }));
    const all: Reference[] = [];
    for await (const batch of references) all.push(...batch);
    return all;
  }

  /** Stops everything and removes the directories. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.nodes.values()) {
      member.log.revive();
      await this.during(member.node.close());
      await Deno.remove(member.directory, { recursive: true });
    }
    await this.#consensus.close();
  }

  #open(member: Pick<ClusterNode, "id" | "directory" | "log" | "topology">) {
    const { keepEntryCount, webhooks } = this.#options;
    return openMetadataNode({
      dataDirectory: member.directory,
      log: member.log,
      extents: this.extents,
      clock: this.clock,
      random: systemRandom,
      logger: SILENT,
      clockBeliefMs: 0,
      cluster: {
        nodeId: member.id,
        lease: this.claims.lease(member.id),
        ...this.#routing(member.topology),
      },
      ...(keepEntryCount === undefined ? {} : { keepEntryCount }),
      ...(webhooks === undefined ? {} : { webhooks }),
    });
  }

  #routing(topology: ManualTopology) {
    const fetcherFor = (address: string): Fetcher => (request) => {
      const { overhear = (fetcher) => fetcher } = this.#options;
      return overhear((heard) => this.#fetch(address, heard))(request);
    };
    return { topology, fetcherFor, clock: this.clock, random: systemRandom };
  }

  #fetch(address: string, request: Request): Promise<Response> {
    const member = this.member(new URL(address).hostname.split(".")[0]!);
    switch (member.reach) {
      case "answers":
        return member.node.service.fetch(request);
      case "breaks":
        return member.node.service.fetch(request).then(brokenOff);
      case "dies":
        member.reach = "refuses";
        return member.node.service.fetch(request).then((answer) => brokenOff(answer, DEATH_BYTES));
      case "refuses":
        return Promise.reject(new TypeError("connection refused"));
      case "hangs":
        return new Promise((_resolve, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason));
        });
    }
  }
}

/** An answer whose sender dies after so many bytes, or half-way through the first ones. */
function brokenOff(response: Response, bytesMax?: number): Response {
  const reader = response.body!.getReader();
  let left = bytesMax;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { value } = await reader.read();
      if (value === undefined || left === 0) return controller.error(new TypeError("reset"));
      left ??= value.length >> 1;
      controller.enqueue(value.subarray(0, left));
      left = Math.max(left - value.length, 0);
    },
  }, { highWaterMark: 0 });
  return new Response(body, response);
}
