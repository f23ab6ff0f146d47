/**
 * Real etcd members for tests: on loopback, with ports and directories of their own.
 *
 * A member dies with the process that started it, however that ends: a shell waits for the end of its
 * input and kills it then.
 *
 * @module
 */

import { reservePorts } from "../../process/testing/reserved_ports.ts";

/** No member takes longer to serve, even on a busy machine. */
const START_MS_MAX = 60_000;
const POLL_MS = 25;

/** How to start members. */
export interface EtcdOptions {
  /** Number of members; 1 unless told. */
  readonly memberCount?: number;
  /** Further flags of each member. */
  readonly flags?: readonly string[];
  /** Files by which members show who they are and know their clients; plain HTTP unless told. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
}

/** One member. */
export class EtcdMember {
  /** Base URL of its client port. */
  readonly endpoint: string;
  readonly #args: readonly string[];
  readonly #client: Deno.HttpClient | undefined;
  #shell: Deno.ChildProcess | undefined;
  #pid = 0;

  /** Describes a member; it is not started yet. */
  constructor(endpoint: string, args: readonly string[], client?: Deno.HttpClient) {
    this.endpoint = endpoint;
    this.#args = args;
    this.#client = client;
  }

  /** Starts the process, anew after {@link EtcdMember.kill}. */
  async start(): Promise<void> {
    this.#shell = new Deno.Command("sh", {
      args: [
        "-c",
        'etcd "$@" >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -9 $!',
        "sh",
        ...this.#args,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = this.#shell.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    this.#pid = Number(new TextDecoder().decode(value));
  }

  /** Sends a signal, as `kill` does. */
  signal(signal: Deno.Signal): void {
    Deno.kill(this.#pid, signal);
  }

  /** Ends the process at once; its data stays. */
  async kill(): Promise<void> {
    const shell = this.#shell;
    if (shell === undefined) return;
    this.#shell = undefined;
    await shell.stdin.close();
    await shell.status;
  }

  /** Lets it run, whether it was killed, stopped, or runs already. */
  async revive(): Promise<void> {
    if (this.#shell === undefined) await this.start();
    else this.signal("SIGCONT");
  }

  /** Whether the member says that it and its cluster serve. */
  async isHealthy(): Promise<boolean> {
    try {
      const response = await this.#fetch("/health", { signal: AbortSignal.timeout(1000) });
      return (await response.text()).includes("true");
    } catch {
      // Not yet, or not any more: the answer is no, whatever the reason.
      return false;
    }
  }

  /** Whether the member leads. */
  async isLeader(): Promise<boolean> {
    const response = await this.#fetch("/v3/maintenance/status", { method: "POST", body: "{}" });
    const status = await response.json();
    return status.leader === status.header.member_id;
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    const client = this.#client === undefined ? {} : { client: this.#client };
    return fetch(this.endpoint + path, { ...init, ...client });
  }
}

/** A cluster of real members. */
export class EtcdCluster {
  /** The members. */
  readonly members: readonly EtcdMember[];
  readonly #directory: string;
  readonly #client: Deno.HttpClient | undefined;

  private constructor(
    members: readonly EtcdMember[],
    directory: string,
    client: Deno.HttpClient | undefined,
  ) {
    this.members = members;
    this.#directory = directory;
    this.#client = client;
  }

  /**
   * Starts a cluster and waits until each of its members serves.
   *
   * @throws with the way to install etcd when there is none
   */
  static async start(options: EtcdOptions = {}): Promise<EtcdCluster> {
    await requireEtcd();
    const directory = await Deno.makeTempDir({ prefix: "gitstratum-etcd-" });
    const count = options.memberCount ?? 1;
    const ports = reservePorts(2 * count);
    const peers = Array.from({ length: count }, (_, n) => `http://127.0.0.1:${ports[count + n]}`);
    const initial = peers.map((peer, n) => `m${n}=${peer}`).join(",");
    const { tls, flags = [] } = options;
    const client = tls === undefined ? undefined : clientOf(tls);
    const members = peers.map((peer, n) => {
      const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${ports[n]}`;
      const args = memberArgs({ name: `m${n}`, client: url, peer, initial, directory });
      return new EtcdMember(url, [...args, ...tlsArgs(tls), ...flags], client);
    });
    const cluster = new EtcdCluster(members, directory, client);
    try {
      await Promise.all(members.map((member) => member.start()));
      await cluster.healthy();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Base URLs of the members' client ports. */
  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** Resolves when all members serve. */
  async healthy(): Promise<void> {
    const deadlineMs = performance.now() + START_MS_MAX;
    for (const member of this.members) {
      while (!await member.isHealthy()) {
        if (performance.now() > deadlineMs) throw new Error(`${member.endpoint} does not serve`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /** The member that leads. */
  async leader(): Promise<EtcdMember> {
    for (const member of this.members) if (await member.isLeader()) return member;
    throw new Error("No member leads");
  }

  /** Ends all members and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    this.#client?.close();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function memberArgs(options: {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  readonly initial: string;
  readonly directory: string;
}): string[] {
  const { name, client, peer } = options;
  return Object.entries({
    "name": name,
    "data-dir": `${options.directory}/${name}`,
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": options.initial,
    "initial-cluster-token": options.directory,
    // As docs/operating.md has it: half the beats, and elections as soon as by default.
    "heartbeat-interval": "200",
    "election-timeout": "1000",
    "logger": "zap",
    "log-level": "error",
  }).map(([flag, value]) => `--${flag}=${value}`);
}

/** Members know each other without: only their clients come over the network in tests. */
function tlsArgs(tls: EtcdOptions["tls"]): string[] {
  if (tls === undefined) return [];
  const { caFile, certFile, keyFile } = tls;
  return [
    `--cert-file=${certFile}`,
    `--key-file=${keyFile}`,
    `--trusted-ca-file=${caFile}`,
    "--client-cert-auth",
  ];
}

function clientOf({ caFile, certFile, keyFile }: NonNullable<EtcdOptions["tls"]>) {
  return Deno.createHttpClient({
    caCerts: [Deno.readTextFileSync(caFile)],
    cert: Deno.readTextFileSync(certFile),
    key: Deno.readTextFileSync(keyFile),
  });
}

async function requireEtcd(): Promise<void> {
  try {
    await new Deno.Command("etcd", { args: ["--version"], stdout: "null", stderr: "null" })
      .output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error("This test needs etcd: apt-get install etcd-server", { cause });
  }
}
