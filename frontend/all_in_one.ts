/**
 * Every role in one process: control, object and metadata node and frontend over one data directory,
 * each behind its own `fetch`. A cluster runs the same parts with a network between them.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import type { Clock, LogData, Logger, Random, SocketAddress } from "@gitstratum/core";
import { type Consensus, ConsensusLog, SqliteConsensus } from "@gitstratum/core/consensus";
import { FileDisk } from "@gitstratum/core/disk";
import { type Metrics, PrometheusMetrics } from "@gitstratum/core/metrics";
import { type HttpServer, Releases, serveHttp } from "@gitstratum/core/process";
import {
  ExtentClient,
  type ExtentStore,
  LOCAL_BASE_URL,
  type Metadata,
  MetadataClient,
  NodeAgent,
  parseNodeId,
  TopologyClient,
} from "@gitstratum/core/rpc";
import { openControlNode } from "@gitstratum/control";
import { openMetadataNode } from "@gitstratum/metadata";
import { openObjectNode } from "@gitstratum/object";
import { openDataDirectory } from "./data_directory.ts";
import { createFrontend, type Frontend } from "./frontend.ts";
import { PackIngest } from "./ingest/mod.ts";
import { PackCache, type PackCacheSettings } from "./pack_cache/pack_cache.ts";
import { openSshServer } from "./ssh/open_ssh_server.ts";
import type { SshServer } from "./ssh/ssh_server.ts";

/** How to run. */
export interface AllInOneOptions {
  /** Made when it is missing. */
  readonly dataDirectory: string;
  /** Where to serve HTTP. */
  readonly http: SocketAddress;
  /** Where to serve SSH. */
  readonly ssh: SocketAddress;
  /** Pushes and changes are refused. */
  readonly readOnly: boolean;
  /** The first push to a free name creates the repository. */
  readonly autoCreate: boolean;
  /** How packs are shared between equal fetches; absent = each is made for its client alone. */
  readonly packCache?: PackCacheSettings;
  /** Where things are counted; absent = nobody reads the counts. */
  readonly metrics?: Metrics;
  /** Time, for every role. */
  readonly clock: Clock;
  /** Randomness, for every role. */
  readonly random: Random;
  /** Told what an operator should know. */
  readonly logger: Logger;
  /** How long running requests may take to finish on close, in milliseconds. */
  readonly drainMs?: number;
  /** Told once when the disk failed in a way that only a restart can answer. */
  readonly onFatal?: (error: unknown) => void;
}

/** A running server. */
export interface AllInOne {
  /** Base URL without a slash at its end. */
  readonly url: string;
  /** Base URL of SSH, without a slash at its end. */
  readonly sshUrl: string;
  /** Absolute path. */
  readonly dataDirectory: string;
  /** Finishes running requests within a bound, then releases everything. */
  close(): Promise<void>;
}

/** Enough for a usual clone or push; a longer one is repeated by its client. */
const DRAIN_MS = 10_000;

/** An empty scratch directory: leftovers belong to pushes that a crash ended. */
async function emptyScratch(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(path, { recursive: true });
}

async function openNodes(
  directory: string,
  options: AllInOneOptions,
  releases: Releases,
): Promise<Frontend> {
  const { clock, random, logger, readOnly, autoCreate } = options;
  const object = await openObjectNode({
    disk: new FileDisk(`${directory}/object`),
    clock,
    random,
    onFailure: (error) => options.onFatal?.(error),
    onTrouble: ({ what, data }) =>
      logger.error("Meet trouble in the object node", { what, ...data as LogData }),
  });
  releases.add(() => object.close());
  const extents = new ExtentClient((request) => object.service.fetch(request));
  await Deno.mkdir(`${directory}/consensus`, { recursive: true });
  const consensus = new SqliteConsensus(`${directory}/consensus/consensus.sqlite`, {
    clock,
    random,
  });
  releases.add(() => consensus.close());
  const node = await openMetadataNode({
    dataDirectory: `${directory}/metadata`,
    log: new ConsensusLog(consensus),
    extents,
    clock,
    random,
    logger: logger.child({ role: "metadata" }),
  });
  releases.add(() => node.close());
  await joinCluster(consensus, options, releases);
  const metadata = new MetadataClient((request) => node.service.fetch(request));
  const scratchDirectory = `${directory}/scratch`;
  await emptyScratch(scratchDirectory);
  const ingest = makeIngest(`${scratchDirectory}/ingest`, { metadata, extents, random });
  return createFrontend({
    metadata,
    extents,
    ingest: async (request) => (await ingest.ingest(request)).group,
    clock,
    random,
    logger: logger.child({ role: "frontend" }),
    scratchDirectory,
    readOnly,
    autoCreate,
    ...openPackCache(`${directory}/cache`, options),
  });
}

/** An empty pack cache in a directory of its own, if there is to be one. */
function openPackCache(
  directory: string,
  options: AllInOneOptions,
): { readonly cache?: PackCache } {
  const { packCache, clock, logger, metrics = new PrometheusMetrics() } = options;
  if (packCache === undefined) return {};
  const cache = new PackCache({
    ...packCache,
    disk: new FileDisk(directory),
    clock,
    metrics,
    freeBytes() {
      const { bavail, bsize } = statfsSync(directory);
      return bavail * bsize;
    },
    onTrouble: (error) => logger.error("Meet trouble in the pack cache", { error: String(error) }),
  });
  return { cache };
}

/** Starts the control node and registers one node of each role with it. */
async function joinCluster(
  consensus: Consensus,
  options: AllInOneOptions,
  releases: Releases,
): Promise<void> {
  const { clock, logger } = options;
  const node = await openControlNode({ consensus, clock, logger });
  releases.add(() => node.close());
  const control = new TopologyClient((request) => node.service.fetch(request));
  for (const role of ["object", "metadata", "frontend"] as const) {
    const id = parseNodeId(`${role}-1`);
    const description = { id, role, address: LOCAL_BASE_URL, zone: "local", weight: 1 };
    const agent = new NodeAgent({ control, node: description, clock, logger });
    await agent.start();
    releases.add(() => agent.stop());
  }
}

function makeIngest(
  scratchDirectory: string,
  parts: {
    readonly metadata: Metadata;
    readonly extents: ExtentStore;
    readonly random: Random;
  },
): PackIngest {
  return new PackIngest({ ...parts, scratchDirectory, disk: new FileDisk(scratchDirectory) });
}

function listen(frontend: Frontend, options: AllInOneOptions): HttpServer {
  return serveHttp({
    ...options.http,
    clock: options.clock,
    drainMs: options.drainMs ?? DRAIN_MS,
    handle: (request, info) => frontend.fetch(request, info),
  });
}

function openSsh(
  directory: string,
  frontend: Frontend,
  options: AllInOneOptions,
): Promise<SshServer> {
  const logger = options.logger.child({ role: "frontend" });
  return openSshServer({
    ...options.ssh,
    directory,
    clock: options.clock,
    drainMs: options.drainMs ?? DRAIN_MS,
    conversations: frontend.conversations,
    onFailure: (error, facts) =>
      logger.error("Fail an SSH session", { ...facts, error: String(error) }),
  });
}

/**
 * Starts everything.
 *
 * @throws `conflict` when another server runs on the data directory
 */
export async function startAllInOne(options: AllInOneOptions): Promise<AllInOne> {
  const releases = new Releases();
  try {
    const directory = await openDataDirectory(options.dataDirectory);
    releases.add(() => directory.release());
    const frontend = await openNodes(directory.path, options, releases);
    const server = listen(frontend, options);
    releases.add(() => server.close());
    const sshServer = await openSsh(`${directory.path}/ssh`, frontend, options);
    releases.add(() => sshServer.close());
    releases.add(() => frontend.drain());
    return {
      url: server.url,
      sshUrl: sshServer.url,
      dataDirectory: directory.path,
      close: () => releases.run(),
    };
  } catch (error) {
    await releases.run();
    throw error;
  }
}
