/**
 * Puts a metadata node together over a data directory.
 *
 * @module
 */

import {
  type Clock,
  CLOCK_BELIEF_MS,
  DELETED_REPOSITORY_GRACE_MS,
  FREED_GROUP_GRACE_MS,
  type Logger,
  type Random,
  UNREACHED_GROUP_GRACE_MS,
} from "@gitstratum/core";
import type { Log } from "@gitstratum/core/consensus";
import {
  type AuditTrail,
  encodePartitionSet,
  type ExtentStore,
  type Fetcher,
  type HeartbeatRequest,
  type Metadata,
  type NodeId,
  type NodeLease,
  PartitionRouter,
  releaseLevelOf,
  type Service,
  SOLE_LEASE,
  type TopologySource,
  type WebhookDeliveries,
} from "@gitstratum/core/rpc";
import type { AuditRetention } from "./audit/audit_retention.ts";
import { Directory } from "./directory/directory.ts";
import type { DirectorySteps } from "./directory/directory_steps.ts";
import { DirectoryStepsService } from "./directory/directory_steps_service.ts";
import { DiskWatch } from "./state/disk_watch.ts";
import { DutyWatch } from "./partition/duty_watch.ts";
import { GroupCollector } from "./upkeep/group_collector.ts";
import { LocalDirectorySteps } from "./directory/local_directory_steps.ts";
import { Materialiser } from "./state/materialiser.ts";
import { MetadataNode } from "./metadata_node.ts";
import { MetadataService } from "./metadata_service.ts";
import { ALL_PARTITIONS, TopologyDuties } from "./partition/partition_duties.ts";
import { type MetadataWebhookOptions, openNodeEvents } from "./node_events.ts";
import { PartitionSnapshots } from "./state/partition_snapshots.ts";
import { PartitionTable } from "./partition/partition_table.ts";
import { NetworkView } from "./reach/network_view.ts";
import { RecordSpill } from "./log/record_spill.ts";
import { ReferenceHistory } from "./state/reference_history.ts";
import { ReferenceLines } from "./state/reference_lines.ts";
import { RoutedDirectorySteps } from "./directory/routed_directory_steps.ts";
import { StateCatalogue } from "./state/state_catalogue.ts";
import { StateDatabase } from "./state/state_database.ts";
import { StateReader } from "./state/state_reader.ts";
import { StateUpkeep } from "./upkeep/state_upkeep.ts";
import { Statements } from "./state/statements.ts";
import { DirectoryDisk, type TableDisk } from "./state/table_disk.ts";
import { Sweeper } from "./upkeep/sweeper.ts";
import { BelievedTime } from "./upkeep/believed_time.ts";
import { Upkeep } from "./upkeep/upkeep.ts";

/** The cluster that a node belongs to. */
export interface MetadataClusterOptions {
  /** This node, as the topology names it. */
  readonly nodeId: NodeId;
  /** Says which partitions are this node's, and where the others are. */
  readonly topology: TopologySource;
  /** Under which this node answers for partitions; stays its owner's to close, after the node. */
  readonly lease: NodeLease;
  /** Carries requests to the node at a base URL. */
  readonly fetcherFor: (address: string) => Fetcher;
}

/** What a node is opened with. */
export interface MetadataNodeOptions {
  /** A directory of the node's own; made when it is missing. */
  readonly dataDirectory: string;
  /** The disk that the directory is on; absent = as it is found there. */
  readonly disk?: TableDisk;
  /** The truth of all partitions; stays its owner's to close. */
  readonly log: Log;
  /** Where packs and spilled records are. */
  readonly extents: ExtentStore;
  /** Drives the node's chores, too. */
  readonly clock: Clock;
  /** Draws the ids of repositories and networks. */
  readonly random: Random;
  /** Told of chores that failed and of bugs. */
  readonly logger: Logger;
  /** The cluster; absent: this node is alone and serves all partitions. */
  readonly cluster?: MetadataClusterOptions;
  /** Packs of deleted repositories stay this long, in milliseconds. */
  readonly freedGraceMs?: number;
  /** Packs that nobody reaches are let go after so long, in milliseconds. */
  readonly unreachedGraceMs?: number;
  /** Deleted repositories can be restored for so long, in milliseconds. */
  readonly deletedGraceMs?: number;
  /** A wall clock that went ahead is believed after so long by chores that remove; milliseconds. */
  readonly clockBeliefMs?: number;
  /** Entries to leave in each log for those who tail it. */
  readonly keepEntryCount?: number;
  /** How much of the audit trail is kept. */
  readonly audit?: AuditRetention;
  /** What webhooks need; absent = this node tells none. */
  readonly webhooks?: MetadataWebhookOptions;
}

/** A node that serves. */
export interface OpenMetadataNode {
  /** The node behind its wire. */
  readonly service: Service;
  /** The node itself, for callers in its own package. */
  readonly metadata: Metadata;
  /** What was done in this node's partitions, and by whom. */
  readonly audit: AuditTrail;
  /** What its webhooks were told of acts in this node's partitions. */
  readonly deliveries: WebhookDeliveries;
  /** Whether every partition of which this node shall be primary is open. */
  readonly ready: boolean;
  /** Whether it can write its tables; without, others have to be the primaries. */
  readonly canWrite: boolean;
  /** Since when its disk is full, as heartbeats tell it; undefined while it has room. */
  readonly diskFull: HeartbeatRequest["diskFull"];
  /** The partitions that it could serve at once, as heartbeats tell them; undefined while unknown. */
  caughtUp(): string | undefined;
  /** Repairs, sweeps and forgets now what is due; it runs by itself too. */
  upkeep(): Promise<void>;
  /** Stops taking requests, finishes what runs, closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a node. Partitions are opened in the background, and when first asked for, so this does not
 * depend on how many repositories there are.
 */
// A failure is a rejection like those of later calls.
// deno-lint-ignore require-await
export async function openMetadataNode(options: MetadataNodeOptions): Promise<OpenMetadataNode> {
  const { dataDirectory, log, extents, clock, random, logger } = options;
  Deno.mkdirSync(dataDirectory, { recursive: true });
  const tableDisk: TableDisk = options.disk ?? new DirectoryDisk(dataDirectory);
  const disk = new DiskWatch({ disk: tableDisk, clock, logger });
  const onUnwritable = (error: unknown) => disk.failed(error);
  const database = new StateDatabase(`${dataDirectory}/metadata.sqlite`, clock, {
    onUnwritable,
    disk: tableDisk,
    onLater: (error) =>
      logger.warn("Make the tables anew, a later release wrote them", reasonOf(error)),
  });
  const reader = new StateReader(database);
  const history = new ReferenceHistory();
  const lines = new ReferenceLines(new Statements(database.reader));
  const spill = new RecordSpill(extents, random, writtenLevel(options.cluster));
  const snapshots = new PartitionSnapshots({ extents, random, clock });
  const { cluster } = options;
  const duties = cluster ? new TopologyDuties(cluster.topology, cluster.nodeId) : ALL_PARTITIONS;
  const partitions = new PartitionTable({
    duties,
    lease: cluster?.lease ?? SOLE_LEASE,
    logger,
    log,
    database,
    reader,
    materialiser: new Materialiser(database.writer),
    spill,
    snapshots,
    clock,
    canWrite: () => disk.isWell,
    isHopeless: () => disk.isHopeless,
    onRestored: () => {
      history.reset();
      lines.reset();
    },
    onApplied: (records, partition) => {
      lines.applied(records);
      history.applied(records);
      collector.applied(records);
      events.applied(partition, records);
    },
  });
  const local = new LocalDirectorySteps({ partitions, reader, clock });
  const directory = new Directory({
    steps: routed(local, options),
    reader,
    clock,
    random,
    deletedGraceMs: options.deletedGraceMs ?? DELETED_REPOSITORY_GRACE_MS,
  });
  const catalogue = new StateCatalogue(new Statements(database.reader));
  const view = new NetworkView({ catalogue, extents });
  const collector = new GroupCollector({
    partitions,
    reader,
    sql: new Statements(database.reader),
    catalogue,
    history,
    view,
    clock,
    logger,
    graceMs: options.unreachedGraceMs ?? UNREACHED_GROUP_GRACE_MS,
  });
  const upkeep = new Upkeep({
    collector,
    directory,
    partitions,
    sweeper: new Sweeper({
      partitions,
      database,
      reader,
      extents,
      clock,
      logger,
      freedGraceMs: options.freedGraceMs ?? FREED_GROUP_GRACE_MS,
    }),
    state: new StateUpkeep({
      onForgotten: (id) => {
        const repository = reader.repository(id);
        if (repository !== undefined) collector.note(repository.networkId);
      },
      partitions,
      database,
      log,
      spill,
      snapshots,
      logger,
      history,
      ...(options.keepEntryCount === undefined ? {} : { keepEntryCount: options.keepEntryCount }),
      ...(options.audit === undefined ? {} : { audit: options.audit }),
    }),
    clock,
    time: new BelievedTime(clock, options.clockBeliefMs ?? CLOCK_BELIEF_MS),
    logger,
  });
  const metadata = new MetadataNode({
    directory,
    partitions,
    database,
    reader,
    history,
    lines,
    view,
    extents,
    clock,
    random,
    logger,
    releaseLevel: spill.releaseLevel,
  });
  const events = openNodeEvents({ ...options, partitions, database: database.reader });
  events.start();
  const watch = new DutyWatch({ duties, partitions, logger });
  upkeep.start();
  return {
    service: new MetadataService(metadata, {
      logger,
      internal: new DirectoryStepsService(local, logger),
      audit: events.audit,
      deliveries: events.deliveries,
    }),
    metadata,
    audit: events.audit,
    deliveries: events.deliveries,
    get ready() {
      return partitions.ready;
    },
    get canWrite() {
      return disk.isWell;
    },
    get diskFull() {
      return disk.full;
    },
    caughtUp() {
      const caughtUp = partitions.caughtUp();
      return caughtUp === undefined ? undefined : encodePartitionSet(caughtUp);
    },
    upkeep: () => upkeep.run(),
    async close() {
      await Promise.all([watch.stop(), upkeep.stop(), disk.close(), events.stop()]);
      await partitions.close();
      await database.close();
    },
  };
}

function reasonOf(error: unknown) {
  return error instanceof Error ? { error } : { reason: String(error) };
}

/** A node of a cluster writes what all nodes of it read. */
function writtenLevel(cluster: MetadataClusterOptions | undefined) {
  if (cluster === undefined) return {};
  return { releaseLevel: () => releaseLevelOf(cluster.topology.current()) };
}

/** The directory's steps in all partitions, given those of this node. */
function routed(local: DirectorySteps, options: MetadataNodeOptions): DirectorySteps {
  const { cluster } = options;
  if (cluster === undefined) return local;
  const router = new PartitionRouter({ ...options, ...cluster });
  return new RoutedDirectorySteps({ local, nodeId: cluster.nodeId, router });
}
