/**
 * Places where a bug can be planted between the parts of a simulated cluster.
 *
 * A simulation that never fails proves nothing unless it is known to fail when it must. Each mutation
 * in `mutations.ts` breaks one promise, by a wrapper around a part of the world that some node is
 * given; the nodes' own code stays what it is, but for the one bug that no part of the world shows.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import type { AccessView } from "@gitstratum/core/access";
import type { Log } from "@gitstratum/core/consensus";
import type { Disk } from "@gitstratum/core/disk";
import type { Egress } from "@gitstratum/core/egress";
import {
  type ExtentStore,
  type Fetcher,
  type Metadata,
  type NodeLease,
  RELEASE_LEVEL,
  type Service,
} from "@gitstratum/core/rpc";
import type { TableDisk } from "@gitstratum/metadata";
import type { RequestMemory } from "../../../frontend/admission/request_memory.ts";
import { PackCache, type PackCacheOptions } from "../../../frontend/pack_cache/pack_cache.ts";
import type { Business } from "../clients/sim_client.ts";
import type { Fault } from "./fault.ts";
import type { NetworkFaults } from "../world/network_weather.ts";

/** What each part of the world becomes; the same part where nothing is planted. */
export interface Mutation {
  /** What it breaks, for people. */
  readonly name: string;
  /** What object nodes keep extents on. */
  objectDisk(disk: Disk): Disk;
  /** What an object node answers. */
  objectService(service: Service): Service;
  /** What a metadata node's time is. */
  metadataClock(clock: Clock): Clock;
  /** What a metadata node's tables are on. */
  tableDisk(disk: TableDisk): TableDisk;
  /** The right of a metadata node to answer. */
  metadataLease(lease: NodeLease): NodeLease;
  /** The logs as a metadata node sees them. */
  metadataLog(log: Log): Log;
  /** The extents as a metadata node sees them. */
  metadataExtents(extents: ExtentStore): ExtentStore;
  /** The way from a metadata node to those whom webhooks tell. */
  metadataEgress(egress: Egress): Egress;
  /** The metadata as a frontend sees it. */
  frontendMetadata(metadata: Metadata, clock: Clock): Metadata;
  /** The way from a frontend to metadata nodes. */
  metadataFetcher(fetcher: Fetcher): Fetcher;
  /** The extents as a frontend sees them. */
  frontendExtents(extents: ExtentStore): ExtentStore;
  /** What a frontend knows of accounts. */
  accountsView(view: AccessView): AccessView;
  /** The way from a frontend to who keeps accounts. */
  accountsFetcher(fetcher: Fetcher): Fetcher;
  /** What a frontend shares packs by. */
  packCache(options: PackCacheOptions): PackCache;
  /** What a frontend's requests take memory from. */
  frontendMemory(memory: RequestMemory): RequestMemory;
  /** What the network does besides. */
  readonly network: Partial<NetworkFaults>;
  /** Faults that are drawn more often, because they show the bug. */
  readonly weights: Partial<Readonly<Record<Fault, number>>>;
  /** Everything is in one partition, which shows the bug sooner. */
  readonly isNarrow: boolean;
  /** All clients meet at one repository, which shows the bug sooner. */
  readonly isCrowded: boolean;
  /** What clients do most of the time, because it shows the bug; undefined = all that they can. */
  readonly busyWith: Business | undefined;
  /** The cluster is always upgraded, which shows the bug. */
  readonly isUpgraded: boolean;
  /** The release level of programs to which the cluster is upgraded. */
  readonly upgradeLevel: number;
  /** Clients always go on after a day, which shows the bug. */
  readonly livesTwice: boolean;
  /** Trouble lasts so long in simulated milliseconds, which shows the bug; undefined = as in any run. */
  readonly troubleMs: number | undefined;
  /** Tables are always without room for a day, which shows the bug. */
  readonly lacksRoom: boolean;
  /** Changes the nodes' own code until it is disposed of, where no wrapper reaches. */
  readonly plant: () => Disposable;
}

/** Nothing is planted. */
export const NO_MUTATION: Mutation = {
  name: "none",
  objectDisk: (disk) => disk,
  objectService: (service) => service,
  metadataClock: (clock) => clock,
  tableDisk: (disk) => disk,
  metadataLease: (lease) => lease,
  metadataLog: (log) => log,
  metadataExtents: (extents) => extents,
  metadataEgress: (egress) => egress,
  frontendMetadata: (metadata) => metadata,
  metadataFetcher: (fetcher) => fetcher,
  frontendExtents: (extents) => extents,
  accountsView: (view) => view,
  accountsFetcher: (fetcher) => fetcher,
  packCache: (options) => new PackCache(options),
  frontendMemory: (memory) => memory,
  network: {},
  weights: {},
  isNarrow: false,
  isCrowded: false,
  busyWith: undefined,
  isUpgraded: false,
  upgradeLevel: RELEASE_LEVEL,
  livesTwice: false,
  troubleMs: undefined,
  lacksRoom: false,
  plant: () => ({ [Symbol.dispose]: () => {} }),
};
