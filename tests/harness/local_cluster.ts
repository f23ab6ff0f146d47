/**
 * A whole cluster on this machine: etcd, control, metadata and object nodes, frontends, each a process
 * of its own with a directory of its own.
 *
 * @module
 */

import { EtcdCluster } from "../../core/consensus/testing/etcd_process.ts";
import { LoopbackProxy } from "./loopback_proxy.ts";
import { NodeProcess } from "./node_process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temp.ts";

/** How many nodes of each kind; the cluster of the documentation unless told. */
export interface LocalClusterOptions {
  readonly etcdCount?: number;
  readonly controlCount?: number;
  readonly metadataCount?: number;
  readonly objectCount?: number;
  readonly frontendCount?: number;
  /** Further flags of each frontend. */
  readonly frontendFlags?: readonly string[];
  /** Told of each step of the start. */
  readonly onStep?: (text: string) => void;
}

/** Characters of a generated cluster secret, in bytes before hex. */
const SECRET_BYTES = 32;
/** Partitions get their first primaries in this time, even on a busy machine. */
const READY_MS_MAX = 90_000;
const POLL_MS = 100;

/** A running cluster. */
export class LocalCluster implements AsyncDisposable {
  readonly etcd: EtcdCluster;
  readonly control: readonly NodeProcess[];
  readonly metadata: readonly NodeProcess[];
  readonly object: readonly NodeProcess[];
  readonly frontends: readonly NodeProcess[];
  /** The ways of each metadata node to etcd, by the node's name. */
  readonly wires: ReadonlyMap<string, readonly LoopbackProxy[]>;
  /** Where the nodes have their directories. */
  readonly directory: TemporaryDirectory;

  private constructor(parts: {
    readonly etcd: EtcdCluster;
    readonly nodes: readonly NodeProcess[];
    readonly wires: ReadonlyMap<string, readonly LoopbackProxy[]>;
    readonly directory: TemporaryDirectory;
  }) {
    const of = (role: string) => parts.nodes.filter((node) => node.role === role);
    this.etcd = parts.etcd;
    this.directory = parts.directory;
    this.wires = parts.wires;
    this.control = of("control");
    this.metadata = of("metadata");
    this.object = of("object");
    this.frontends = of("frontend");
  }

  /**
   * Starts a cluster and waits until it serves.
   *
   * @throws with the way to install etcd when there is none; with a node's output when it ends
   */
  static async start(options: LocalClusterOptions = {}): Promise<LocalCluster> {
    const { onStep = () => {} } = options;
    const etcd = await EtcdCluster.start({ memberCount: options.etcdCount ?? 3 });
    onStep(`etcd: ${etcd.endpoints.join(" ")}`);
    const directory = await temporaryDirectory();
    const wires = new Map<string, readonly LoopbackProxy[]>();
    const nodes = await describeNodes({ etcd, directory, wires }, options);
    const cluster = new LocalCluster({ etcd, nodes, wires, directory });
    try {
      for (const group of [cluster.control, cluster.metadata, cluster.object, cluster.frontends]) {
        await Promise.all(group.map((node) => node.start()));
        for (const node of group) onStep(`${node.id}: ${node.url}, ${node.adminUrl}/metrics`);
      }
      await cluster.serving();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** All nodes. */
  get nodes(): NodeProcess[] {
    return [...this.control, ...this.metadata, ...this.object, ...this.frontends];
  }

  /** Clone URL of `owner/name` at one of the frontends. */
  url(repository: string, frontend = 0): string {
    return `${this.frontends[frontend]!.url}/${repository}.git`;
  }

  /** Resolves when a frontend can list repositories, which asks a primary of every partition. */
  async serving(): Promise<void> {
    const deadlineMs = performance.now() + READY_MS_MAX;
    for (let last = "nothing";;) {
      try {
        const response = await fetch(`${this.frontends[0]!.url}/api/v1/repos`);
        last = `${response.status} ${await response.text()}`;
        if (response.ok) return;
      } catch (error) {
        last = String(error);
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`The cluster does not serve: ${last}\n${this.describe()}`);
      }
      // A refusal is no event: all there is to wait for is another answer.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Resolves when all running nodes go by one topology and have opened what it gives them. */
  async settled(): Promise<void> {
    const deadlineMs = performance.now() + READY_MS_MAX;
    for (;;) {
      const facts = await Promise.all(
        this.nodes.filter(({ isRunning }) => isRunning).map((node) => readinessOf(node)),
      );
      const versions = new Set(facts.map(({ topologyVersion }) => topologyVersion));
      const isOpen = facts.every(({ status, partitionsOpen }) =>
        status === "ok" && partitionsOpen !== false
      );
      if (versions.size === 1 && isOpen) return;
      if (performance.now() > deadlineMs) {
        throw new Error(`The cluster does not settle: ${JSON.stringify(facts)}`);
      }
      // Nodes tell nobody when they have settled: all there is to wait for is another answer.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** The ends of all logs, for messages of failures. */
  describe(): string {
    return this.nodes.map(({ id, log }) => `--- ${id}\n${log.slice(-3000)}`).join("\n");
  }

  /** Makes an empty repository. */
  async createRepository(repository: string): Promise<void> {
    const response = await fetch(`${this.frontends[0]!.url}/api/v1/repos`, {
      method: "POST",
      body: JSON.stringify({ name: repository }),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${text}`);
  }

  /** Ends everything, however it is, and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    for (const wire of [...this.wires.values()].flat()) wire.close();
    await this.etcd.stop();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** What a node says about its readiness. */
async function readinessOf(node: NodeProcess): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${node.adminUrl}/readyz`);
  return { node: node.id, ...await response.json() };
}

async function describeNodes(
  parts: {
    readonly etcd: EtcdCluster;
    readonly directory: TemporaryDirectory;
    readonly wires: Map<string, readonly LoopbackProxy[]>;
  },
  options: LocalClusterOptions,
): Promise<NodeProcess[]> {
  const { etcd, directory, wires } = parts;
  const counts = {
    control: options.controlCount ?? 3,
    metadata: options.metadataCount ?? 3,
    object: options.objectCount ?? 3,
    frontend: options.frontendCount ?? 2,
  };
  const secretFile = directory.join("secret");
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex();
  await Deno.writeTextFile(secretFile, `${secret}\n`, { mode: 0o600 });
  const ports = freePorts(Object.values(counts).reduce((sum, count) => sum + count, 0));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const controlUrls = addresses.slice(0, counts.control).map((address) => `http://${address}`);
  const controlFlags = ["--control", controlUrls.join(",")];
  const etcdFlags = (role: string, id: string) => {
    if (role === "control") return ["--etcd", etcd.endpoints.join(",")];
    if (role !== "metadata") return [];
    const ways = etcd.endpoints.map((endpoint) => LoopbackProxy.open(endpoint));
    wires.set(id, ways);
    return ["--etcd", ways.map(({ url }) => url).join(",")];
  };
  const roleFlags = {
    control: [],
    metadata: controlFlags,
    object: controlFlags,
    frontend: [
      ...controlFlags,
      "--ssh",
      "127.0.0.1:0",
      "--auto-create",
      ...options.frontendFlags ?? [],
    ],
  };
  const nodes: NodeProcess[] = [];
  for (const role of ["control", "metadata", "object", "frontend"] as const) {
    for (let n = 1; n <= counts[role]; n++) {
      const id = `${role}-${n}`;
      const address = addresses[nodes.length]!;
      const flags = [
        ...["--id", id, "--zone", `zone-${n}`, "--secret-file", secretFile],
        ...[role === "frontend" ? "--http" : "--listen", address],
        ...(role === "control" ? [] : ["--data", directory.join(id)]),
        ...etcdFlags(role, id),
        ...roleFlags[role],
      ];
      nodes.push(new NodeProcess({ id, role, url: `http://${address}`, flags }));
    }
  }
  return nodes;
}

/** Ports that nobody listens on now. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}
