/**
 * Metadata nodes over a real etcd: its limits, its watches, its leases.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { systemClock, systemRandom } from "@gitstratum/core";
import { ConsensusLog, type EtcdConsensus } from "@gitstratum/core/consensus";
import { openEtcd, withEtcd } from "@gitstratum/core/consensus/etcd-harness";
import {
  ConsensusNodeLease,
  emptyTopology,
  type Fetcher,
  ManualTopology,
  MemoryExtentStore,
  type NodeId,
  parseRepositoryName,
  RoutedMetadata,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import { type OpenMetadataNode, openMetadataNode } from "./open_metadata_node.ts";
import { GroupBuilder } from "./testing/group_builder.ts";
import { command, pushRequest, reasons, SILENT } from "./testing/test_node.ts";

const etcd = withEtcd();
const IDS = ["a", "b"] as NodeId[];
const REFERENCE_COUNT = 100_000;
/** Two seconds on an idle machine. */
const READY_MS_MAX = 40_000;

/** Two nodes, each with an etcd client of its own. */
class EtcdNodes implements AsyncDisposable {
  readonly topology = new ManualTopology();
  readonly extents = new MemoryExtentStore({ clock: systemClock });
  readonly stores: EtcdConsensus[] = [];
  readonly #nodes = new Map<string, OpenMetadataNode>();
  readonly #leases = new Map<string, ConsensusNodeLease>();
  readonly #directories: string[] = [];
  readonly #fetcherFor = (address: string): Fetcher => (request) =>
    this.#nodes.get(new URL(address).hostname)!.service.fetch(request);
  readonly #world = { clock: systemClock, random: systemRandom, logger: SILENT };
  readonly metadata = new RoutedMetadata({
    ...this.#world,
    topology: this.topology,
    fetcherFor: this.#fetcherFor,
  });

  static async start(): Promise<EtcdNodes> {
    const nodes = new EtcdNodes();
    for (const id of IDS) await nodes.#add(id);
    return nodes;
  }

  async #add(id: NodeId): Promise<void> {
    const consensus = openEtcd(etcd());
    this.stores.push(consensus);
    const lease = await ConsensusNodeLease.open({ ...this.#world, consensus, nodeId: id });
    this.#leases.set(id, lease);
    const dataDirectory = await Deno.makeTempDir({ prefix: "gitstratum-etcd-" });
    this.#directories.push(dataDirectory);
    const cluster = {
      nodeId: id,
      lease,
      topology: this.topology,
      fetcherFor: this.#fetcherFor,
    };
    const node = await openMetadataNode({
      ...this.#world,
      dataDirectory,
      log: new ConsensusLog(consensus),
      extents: this.extents,
      cluster,
    });
    this.#nodes.set(id, node);
  }

  /** Makes one node primary of everything and the others its followers. */
  lead(primary: NodeId): void {
    const followers = IDS.filter((id) => id !== primary);
    const nodes = IDS.map((id): TopologyNode => ({
      id,
      role: "metadata",
      address: `http://${id}`,
      zone: id,
      weight: 1,
      state: "active",
      incarnation: 1,
    }));
    const partitions = emptyTopology().partitions.map(() => ({ primary, followers }));
    this.topology.set({ ...emptyTopology(), nodes, partitions });
  }

  /** Waits until a node has opened all of its partitions. */
  async ready(id: NodeId): Promise<void> {
    const signal = AbortSignal.timeout(READY_MS_MAX);
    while (!this.#nodes.get(id)!.ready) await systemClock.sleep(5, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes.values()) await node.close();
    for (const lease of this.#leases.values()) await lease.close();
    for (const store of this.stores) await store.close();
    for (const directory of this.#directories) await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a node opens all partitions and hands them over, while others follow them", async () => {
  await using nodes = await EtcdNodes.start();
  // As many watches of etcd as partitions would end in a gateway that answers nobody.
  for (const id of IDS) {
    nodes.lead(id);
    await nodes.ready(id);
  }
});

Deno.test("a push of 100,000 references passes etcd, and a follower has it", async () => {
  await using nodes = await EtcdNodes.start();
  nodes.lead("a" as NodeId);
  const info = await nodes.metadata.createRepository({
    name: parseRepositoryName("many/references"),
    objectFormat: "sha1",
    defaultBranch: "main",
  });
  const objects = new GroupBuilder();
  const oid = objects.commitOf("one");
  const group = await objects.store(nodes.extents, { networkId: info.networkId, tips: [oid] });
  const commands = Array.from(
    { length: REFERENCE_COUNT },
    (_, index) => command(`refs/heads/topic-${index}`, undefined, oid),
  );
  const result = await nodes.metadata.push(info, pushRequest(commands, { group }));
  ok(reasons(result).every((reason) => reason === undefined));
  const { entries } = await nodes.stores[0]!.range({ from: "log/", to: "log0" });
  const sizes = entries.map(({ value }) => value.length);
  ok(Math.max(...sizes) < 2048, "the record is in extents, the log names it");

  await nodes.ready("a" as NodeId);
  nodes.lead("b" as NodeId);
  const { references } = await nodes.metadata.listReferences(info, { prefixes: [] });
  let count = 0;
  for await (const batch of references) count += batch.length;
  equal(count, REFERENCE_COUNT);
  await nodes.ready("b" as NodeId);
  deepEqual(await nodes.metadata.findRepository(info.name), info);
});
