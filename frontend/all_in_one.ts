/**
 * Every role in one process: control, object and metadata node and frontend over one data directory,
 * each behind its own `fetch`. A cluster runs the same parts with a network between them. What is only
 * read of metadata and extents is read past these: see `SameProcessMetadata` and `SameProcessExtents`.
 *
 * @module
 */

import type { LogData } from "@gitstratum/core";
import { type Consensus, ConsensusLog, SqliteConsensus } from "@gitstratum/core/consensus";
import type { Egress } from "@gitstratum/core/egress";
import { FileDisk } from "@gitstratum/core/disk";
import { type Metrics, PrometheusMetrics } from "@gitstratum/core/metrics";
import { openDataDirectory, Releases } from "@gitstratum/core/process";
import {
  AuditClient,
  CONTROL_AUDIT_PATH,
  DeliveriesClient,
  ExtentClient,
  type Fetcher,
  JsonClient,
  LOCAL_BASE_URL,
  MergedAuditTrail,
  type Metadata,
  METADATA_AUDIT_PATH,
  MetadataClient,
  NodeAgent,
  parseNodeId,
  RateLeaseClient,
  TopologyClient,
  WebhookClient,
} from "@gitstratum/core/rpc";
import { AccessClient } from "@gitstratum/core/rpc/access";
import { type ControlNode, openControlNode } from "@gitstratum/control";
import { openMetadataNode } from "@gitstratum/metadata";
import { openObjectNode } from "@gitstratum/object";

import { SameProcessExtents } from "./same_process_extents.ts";
import { SameProcessMetadata } from "./same_process_metadata.ts";
import type { EventGround } from "./events/event_ground.ts";
import {
  type FrontendGround,
  type FrontendServer,
  type FrontendServerOptions,
  startFrontendServer,
} from "./frontend_server.ts";

/** How to run. */
export interface AllInOneOptions extends Omit<FrontendServerOptions, "metrics"> {
  /** Made when it is missing. */
  readonly dataDirectory: string;
  /** Where things are counted; absent = nobody reads the counts but by the admin address. */
  readonly metrics?: Metrics;
  /** The way out to webhooks; absent = none is told anything. */
  readonly egress?: Egress;
  /** How long it is remembered who did what, in milliseconds. */
  readonly auditKeepMs?: number;
  /** Told once when the disk failed in a way that only a restart can answer. */
  readonly onFatal?: (error: unknown) => void;
}

/** A running server. */
export interface AllInOne extends FrontendServer {
  /** Absolute path. */
  readonly dataDirectory: string;
  /** Its repositories, for callers in this process, who are asked for nothing. */
  readonly metadata: Metadata;
}

async function openNodes(
  directory: string,
  options: AllInOneOptions & { readonly metrics: Metrics },
  releases: Releases,
): Promise<FrontendGround> {
  const { clock, random, logger } = options;
  const object = await openObjectNode({
    disk: new FileDisk(`${directory}/object`),
    clock,
    random,
    onFailure: (error) => options.onFatal?.(error),
    onTrouble: ({ what, data }) =>
      logger.error("Meet trouble in the object node", { what, ...data as LogData }),
  });
  releases.add(() => object.close());
  const service = new ExtentClient((request) => object.service.fetch(request));
  const extents = new SameProcessExtents(object.extents, service);
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
    ...(options.auditKeepMs === undefined ? {} : { audit: { keepMs: options.auditKeepMs } }),
    ...(options.egress === undefined
      ? {}
      : { webhooks: { consensus, egress: options.egress, metrics: options.metrics } }),
  });
  releases.add(() => node.close());
  const control = await joinCluster(consensus, options, releases);
  const metadata = new SameProcessMetadata(
    node.metadata,
    new MetadataClient((request) => node.service.fetch(request)),
  );
  const fetcher: Fetcher = (request) => control.service.fetch(request);
  const leases = new RateLeaseClient(fetcher);
  const rates = { leases, frontend: "frontend-1", frontendCount: () => 1 };
  const { view } = control.access;
  const caller = new JsonClient(fetcher);
  const client = new AccessClient({ route: (call) => call(caller), view, clock, random });
  const events: EventGround = {
    audit: new MergedAuditTrail([
      new AuditClient((request) => node.service.fetch(request), { path: METADATA_AUDIT_PATH }),
      new AuditClient(fetcher, { path: CONTROL_AUDIT_PATH }),
    ]),
    webhooks: new WebhookClient(fetcher),
    deliveries: new DeliveriesClient((request) => node.service.fetch(request)),
  };
  return { directory, metadata, extents, rates, accounts: { view, client }, events };
}

/** Starts the control node and registers one node of each role with it. */
async function joinCluster(
  consensus: Consensus,
  options: AllInOneOptions,
  releases: Releases,
): Promise<ControlNode> {
  const { clock, logger } = options;
  const node = await openControlNode({
    consensus,
    clock,
    random: options.random,
    logger,
    isAlone: true,
  });
  releases.add(() => node.close());
  const control = new TopologyClient((request) => node.service.fetch(request));
  for (const role of ["object", "metadata", "frontend"] as const) {
    const id = parseNodeId(`${role}-1`);
    const description = { id, role, address: LOCAL_BASE_URL, zone: "local", weight: 1 };
    const agent = new NodeAgent({ control, node: description, clock, logger });
    await agent.start();
    releases.add(() => agent.stop());
  }
  return node;
}

/**
 * Starts everything.
 *
 * @throws `conflict` when another server runs on the data directory
 */
export function startAllInOne(options: AllInOneOptions): Promise<AllInOne> {
  return Releases.opening(async (releases) => {
    const directory = await openDataDirectory(options.dataDirectory);
    releases.add(() => directory.release());
    const { metrics = new PrometheusMetrics() } = options;
    const ground = await openNodes(directory.path, { ...options, metrics }, releases);
    const server = await startFrontendServer(ground, { ...options, metrics });
    releases.add(() => server.close());
    const { metadata } = ground;
    return { ...server, dataDirectory: directory.path, metadata, close: () => releases.run() };
  });
}
