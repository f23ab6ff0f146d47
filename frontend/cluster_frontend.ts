/**
 * The frontend of a cluster: the same server as the all-in-one's, over the metadata and object nodes
 * that the topology names. It owns no data; its directory holds scratch files, the pack cache and the
 * host keys of SSH.
 *
 * @module
 */

import type { LogData, Logger } from "@gitstratum/core";
import { FileDisk } from "@gitstratum/core/disk";
import {
  joinCluster,
  type NodeFetchers,
  type NodeFiles,
  openClusterLink,
  openDataDirectory,
  openNodeFetchers,
  type Readiness,
  Releases,
} from "@gitstratum/core/process";
import {
  ControlFailover,
  JsonClient,
  type NodeId,
  type ObjectRouterOptions,
  RateLeaseFailover,
  RoutedExtentStore,
  RoutedMetadata,
  spokenLevels,
  type Topology,
} from "@gitstratum/core/rpc";
import { AccessClient, AccessWatcher } from "@gitstratum/core/rpc/access";
import { DirectExtentStore } from "@gitstratum/object/ring";
import { clusterEvents } from "./events/cluster_events.ts";
import {
  type AccountGround,
  type FrontendServer,
  type FrontendServerOptions,
  startFrontendServer,
} from "./frontend_server.ts";
import { openClusterPractice } from "./warm_start/practice_ground.ts";

/** How to run. */
export interface ClusterFrontendOptions extends FrontendServerOptions {
  /** The frontend's name in the cluster. */
  readonly nodeId: NodeId;
  /** What fails together with it. */
  readonly zone: string;
  /** The newest release level that this frontend lets its cluster have. */
  readonly releaseLevel: number;
  /** URL under which clients reach it; where it listens, unless told. */
  readonly advertise?: string;
  /** Base URLs of control nodes. */
  readonly controlUrls: readonly string[];
  /** The cluster's secret, and certificates. */
  readonly files: NodeFiles;
  /** Made when it is missing. */
  readonly dataDirectory: string;
  /** Gives the start up. */
  readonly signal: AbortSignal;
  /** Told when another process took the frontend's id over. */
  readonly onFatal: (error: unknown) => void;
}

/** A running frontend. */
export interface ClusterFrontend extends FrontendServer {
  /** Absolute path. */
  readonly dataDirectory: string;
}

/**
 * Starts a frontend; it is registered when this resolves.
 *
 * @throws `conflict` when another server runs on the data directory
 */
export function startClusterFrontend(
  options: ClusterFrontendOptions,
): Promise<ClusterFrontend> {
  return Releases.opening((releases) => startParts(options, releases));
}

async function startParts(
  options: ClusterFrontendOptions,
  releases: Releases,
): Promise<ClusterFrontend> {
  const { nodeId, clock, random, files } = options;
  const logger = options.logger.child({ node: nodeId });
  const directory = await openDataDirectory(options.dataDirectory);
  releases.add(() => directory.release());
  const fetchers = openNodeFetchers({ files, nodeId, clock, random });
  releases.add(() => fetchers.close());
  const ground = { fetchers, clock, random, logger, releases };
  const { topology, membership, isCutOff } = openClusterLink(ground, {
    controlUrls: options.controlUrls,
    disk: new FileDisk(`${directory.path}/cluster`),
    zone: options.zone,
  });
  const common = { fetcher: fetchers.signed, clock, random };
  const control = new ControlFailover({ urls: options.controlUrls, ...common });
  const routing = { topology, fetcherFor: () => fetchers.signed, clock, random, logger };
  const extents = openExtents(routing);
  releases.add(() => extents.close());
  const accounts = openAccounts({ ...options, logger }, { control, fetchers, releases });
  const server = await startFrontendServer({
    directory: directory.path,
    metadata: new RoutedMetadata(routing),
    extents,
    accounts,
    events: clusterEvents(control, routing),
    rates: {
      leases: new RateLeaseFailover({
        urls: options.controlUrls,
        fetcher: fetchers.signed,
        clock,
      }),
      frontend: nodeId,
      frontendCount: () => servingFrontends(topology.current()),
    },
    secrets: files.secrets,
    openPractice: openClusterPractice,
    readiness: () => {
      const facts = { ...membership.facts(), accountsSilenceMs: wholeMs(accounts.silenceMs()) };
      return { ...verdictOf(topology.current(), isCutOff()), facts };
    },
  }, { ...options, logger });
  releases.add(() => server.close());
  const agent = await joinCluster({
    ...membership,
    node: {
      id: nodeId,
      role: "frontend",
      address: options.advertise ?? server.url,
      zone: options.zone,
      weight: 1,
    },
    levels: spokenLevels(options.releaseLevel),
    clock,
    logger,
    signal: options.signal,
    onFatal: options.onFatal,
  });
  releases.add(() => agent.stop());
  // Last in, first out: a frontend is heard of until its last request has ended.
  releases.add(() => server.close());
  const drain = async () => {
    server.drain();
    await agent.leave();
  };
  return { ...server, dataDirectory: directory.path, drain, close: () => releases.run() };
}

/** A frontend serves with the topology that it has, but not with none, and not on its own. */
function verdictOf({ version }: Topology, isCutOff: boolean): Pick<Readiness, "ready" | "status"> {
  if (version === 0) return { ready: false, status: "joining" };
  return isCutOff
    ? { ready: false, status: "cut off from other nodes" }
    : { ready: true, status: "ok" };
}

/** A time for people; null when there is none. */
function wholeMs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}

/** Extents: small writes go to all owners at once. */
function openExtents(
  routing: ObjectRouterOptions & { readonly logger: Logger },
): DirectExtentStore {
  return new DirectExtentStore({
    ...routing,
    routed: new RoutedExtentStore(routing),
    onTrouble: ({ what, data }) =>
      // Nodes make good what missed an owner.
      routing.logger.warn("Meet trouble with copies of extents", { what, ...data as LogData }),
  });
}

/** Follows the records of accounts; they are written at any control node. */
function openAccounts(
  options: ClusterFrontendOptions,
  parts: {
    readonly control: ControlFailover;
    readonly fetchers: NodeFetchers;
    readonly releases: Releases;
  },
): AccountGround & { readonly silenceMs: () => number | undefined } {
  const { control, fetchers, releases } = parts;
  const { clock, random, logger, controlUrls: urls } = options;
  const common = { urls, fetcher: fetchers.signed, clock, random };
  const watcher = new AccessWatcher({ ...common, logger });
  watcher.open();
  releases.add(() => watcher.close());
  const client = new AccessClient({
    route: (call) =>
      control.ask(({ fetcher, baseUrl }) => call(new JsonClient(fetcher, { baseUrl }))),
    view: watcher.view,
    clock,
    random,
  });
  return { view: watcher.view, client, silenceMs: () => watcher.silenceMs };
}

/** Frontends that clients may reach, this one at least. */
function servingFrontends({ nodes }: Topology): number {
  const serving = nodes.filter(({ role, state }) => role === "frontend" && state !== "down");
  return Math.max(1, serving.length);
}
