/**
 * A whole cluster on this machine: etcd, control, metadata and object nodes, frontends, each a process
 * of its own with a directory of its own.
 *
 * @module
 */

import { EtcdCluster } from "../../core/consensus/testing/etcd_process.ts";
import { reservePorts } from "../../core/process/testing/reserved_ports.ts";
import { NodeGateway } from "./node_gateway.ts";
import { type NodeCommand, NodeProcess } from "./node_process.ts";
import { SmallDisk } from "./small_disk.ts";
import { makeCertificates, type TestCertificates } from "./test_certificates.ts";
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
  /** Further flags of each metadata node. */
  readonly metadataFlags?: readonly string[];
  /** Whether links between processes can be cut, which costs the test's process their traffic. */
  readonly canCut?: boolean;
  /** Nodes whose disks can be filled, and their sizes in bytes. */
  readonly smallDisks?: Readonly<Record<string, number>>;
  /** Whether everybody shows a certificate, and speaks TLS only. */
  readonly hasTls?: boolean;
  /** Whether nodes rehearse when they start, as they do unless they are told otherwise. */
  readonly rehearses?: boolean;
  /** Root of the checkout that all nodes run from at first; this one unless told. */
  readonly root?: string;
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
  /** Disks that can be filled, by their node's name. */
  readonly disks: ReadonlyMap<string, SmallDisk>;
  /** Where the nodes have their directories. */
  readonly directory: TemporaryDirectory;
  /** Where certificates are, when there are any. */
  readonly tls: TestCertificates | undefined;
  readonly #client: Deno.HttpClient;
  readonly #gateways: ReadonlyMap<string, NodeGateway>;

  private constructor(ground: Ground, nodes: readonly NodeProcess[]) {
    const of = (role: string) => nodes.filter((node) => node.role === role);
    this.etcd = ground.etcd;
    this.directory = ground.directory;
    this.disks = ground.disks;
    this.tls = ground.tls;
    const caCerts = ground.tls === undefined ? [] : [Deno.readTextFileSync(ground.tls.caFile)];
    this.#client = Deno.createHttpClient({ caCerts });
    this.#gateways = ground.gateways;
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
    const directory = await temporaryDirectory();
    const tls = options.hasTls ? await makeCertificates(directory.join("certificates")) : undefined;
    const memberCount = options.etcdCount ?? 3;
    const etcd = await EtcdCluster.start({ memberCount, ...(tls === undefined ? {} : { tls }) });
    onStep(`etcd: ${etcd.endpoints.join(" ")}`);
    const ground: Ground = { etcd, directory, tls, gateways: new Map(), disks: new Map() };
    const cluster = new LocalCluster(ground, await describeNodes(ground, options));
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

  /** How programs for operators find the control plane and show who they are. */
  get operatorFlags(): string[] {
    const urls = this.control.map(({ url }) => url).join(",");
    const ca = this.tls === undefined ? [] : ["--tls-ca", this.tls.caFile];
    return ["--control", urls, "--secret-file", this.directory.join("secret"), ...ca];
  }

  /** Clone URL of `owner/name` at one of the frontends. */
  url(repository: string, frontend = 0): string {
    return `${this.frontends[frontend]!.url}/${repository}.git`;
  }

  /** The control node that is elected. */
  async controller(): Promise<NodeProcess> {
    for (const node of this.control) {
      if (node.isRunning && (await node.readiness()).elected === true) return node;
    }
    throw new Error("No controller is elected");
  }

  /** Resolves when a frontend can list repositories, which asks a primary of every partition. */
  async serving(): Promise<void> {
    const deadlineMs = performance.now() + READY_MS_MAX;
    for (let last = "nothing";;) {
      try {
        const response = await this.fetch("/api/v1/repos");
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
        this.nodes.filter(({ isRunning }) => isRunning).map((node) => node.readiness()),
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

  /**
   * From now on nothing that `from` sends reaches those who are named: nodes, or all members of etcd.
   * What they send to it goes on.
   */
  cut(from: string, to: readonly string[]): void {
    const gateway = this.#gateways.get(from);
    if (gateway === undefined) throw new Error(`${from} can not be cut off`);
    gateway.cut(to.flatMap((name) => {
      if (name === "etcd") return this.etcd.endpoints;
      const node = this.nodes.find(({ id }) => id === name);
      if (node === undefined) throw new Error(`There is no node ${name}`);
      return [node.url];
    }));
  }

  /** Lets everybody reach everybody again. */
  mend(): void {
    for (const gateway of this.#gateways.values()) gateway.mend();
  }

  /** The ends of all logs, for messages of failures. */
  describe(): string {
    return this.nodes.map(({ id, log }) => `--- ${id}\n${log.slice(-3000)}`).join("\n");
  }

  /** Asks the first frontend, as a client that trusts the cluster's authority. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.frontends[0]!.url + path, { ...init, client: this.#client });
  }

  /** Makes an empty repository. */
  async createRepository(repository: string): Promise<void> {
    const response = await this.fetch("/api/v1/repos", {
      method: "POST",
      body: JSON.stringify({ name: repository }),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${text}`);
  }

  /** Ends everything, however it is, and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    for (const gateway of this.#gateways.values()) gateway.close();
    this.#client.close();
    await this.etcd.stop();
    for (const disk of this.disks.values()) await disk[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** What the nodes of a cluster stand on. */
interface Ground {
  readonly tls: TestCertificates | undefined;
  readonly etcd: EtcdCluster;
  readonly directory: TemporaryDirectory;
  readonly gateways: Map<string, NodeGateway>;
  readonly disks: Map<string, SmallDisk>;
}

async function describeNodes(
  ground: Ground,
  options: LocalClusterOptions,
): Promise<NodeProcess[]> {
  const { etcd, directory, tls } = ground;
  const scheme = tls === undefined ? "http" : "https";
  const counts = {
    control: options.controlCount ?? 3,
    metadata: options.metadataCount ?? 3,
    object: options.objectCount ?? 3,
    frontend: options.frontendCount ?? 2,
  };
  const secretFile = directory.join("secret");
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex();
  await Deno.writeTextFile(secretFile, `${secret}\n`, { mode: 0o600 });
  const ports = reservePorts(Object.values(counts).reduce((sum, count) => sum + count, 0));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const controlUrls = addresses.slice(0, counts.control).map((address) => `${scheme}://${address}`);
  const controlFlags = ["--control", controlUrls.join(",")];
  const etcdFlags = ["--etcd", etcd.endpoints.join(",")];
  const roleFlags = {
    control: etcdFlags,
    metadata: [...controlFlags, ...etcdFlags, ...options.metadataFlags ?? []],
    object: controlFlags,
    frontend: [
      ...controlFlags,
      "--ssh",
      "127.0.0.1:0",
      "--auto-create",
      ...options.frontendFlags ?? [],
    ],
  };
  const tlsFlags = tls === undefined
    ? []
    : ["--tls-cert", tls.certFile, "--tls-key", tls.keyFile, "--tls-ca", tls.caFile];
  const root = options.root === undefined ? {} : { root: options.root };
  const environment = options.rehearses ? {} : { GITSTRATUM_WARM_START: "0" };
  const nodes: NodeProcess[] = [];
  for (const role of ["control", "metadata", "object", "frontend"] as const) {
    for (let n = 1; n <= counts[role]; n++) {
      const id = `${role}-${n}`;
      const address = addresses[nodes.length]!;
      const flags = [
        ...["--id", id, "--zone", `zone-${n}`, "--secret-file", secretFile],
        ...[role === "frontend" ? "--http" : "--listen", address],
        ...(role === "control" ? [] : ["--data", directory.join(id)]),
        ...roleFlags[role],
        ...tlsFlags,
      ];
      const surroundings = await surroundingsOf(id, ground, options);
      const url = `${scheme}://${address}`;
      nodes.push(new NodeProcess({ id, role, url, flags, environment, ...root, ...surroundings }));
    }
  }
  return nodes;
}

/** What stands between a node and the world. */
async function surroundingsOf(
  id: string,
  ground: Ground,
  options: LocalClusterOptions,
): Promise<Pick<NodeCommand, "gateway" | "wrapper">> {
  const { gateways, disks, directory } = ground;
  if (options.canCut) gateways.set(id, new NodeGateway());
  const gateway = gateways.get(id);
  const bytes = options.smallDisks?.[id];
  if (bytes !== undefined) disks.set(id, await SmallDisk.mount(directory.join(id), bytes));
  const wrapper = disks.get(id)?.wrapper ?? [];
  return { wrapper, ...(gateway === undefined ? {} : { gateway }) };
}
