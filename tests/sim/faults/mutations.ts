/**
 * The planted bugs: for each promise at least one that breaks it, and that a run has to notice.
 *
 * @module
 */

import { type Clock, GitStratumError, hasCode } from "@gitstratum/core";
import type { AccessView } from "@gitstratum/core/access";
import type { EgressAnswer } from "@gitstratum/core/egress";
import type { Disk, DiskFile } from "@gitstratum/core/disk";
import { isZeroOid, type Oid } from "@gitstratum/core/git";
import {
  type CommandResult,
  errorResponse,
  type ExtentStore,
  type Fetcher,
  type Metadata,
  type NodeLease,
  type PushRequest,
  type PushResult,
  type Reference,
  type ReferenceListing,
  RELEASE_LEVEL_LEAST,
  type RepositoryInfo,
  type RepositoryKey,
  type Service,
} from "@gitstratum/core/rpc";
import type { TableDisk } from "@gitstratum/metadata";
import type { RequestMemory } from "../../../frontend/admission/request_memory.ts";
import type { OpenedPack } from "../../../frontend/pack_cache/opened_pack.ts";
import { type CachedRequest, PackCache } from "../../../frontend/pack_cache/pack_cache.ts";
import type { PackKey } from "../../../frontend/pack_cache/pack_key.ts";
import { PartitionTable } from "../../../metadata/partition/partition_table.ts";
import type { Violation } from "../checks/run_record.ts";
import { type Mutation, NO_MUTATION } from "./mutation.ts";
import { withMetadata } from "./metadata_wrapper.ts";

/** A planted bug, and what a run may notice of it. */
export interface PlantedBug extends Mutation {
  /** The promise that it breaks. */
  readonly promise: Violation["promise"];
}

/** How long a frontend with a planted bug believes what it once heard, in milliseconds. */
const STALE_MS = 3000;

/** What is made of every answer of a receiver. */
const NO_ANSWER: EgressAnswer = { status: 204, body: new Uint8Array() };

/** All planted bugs. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    ...NO_MUTATION,
    promise: "P1",
    name: "disks say that they synced, and have not",
    objectDisk: lyingDisk,
    weights: { "power of all object nodes": 10 },
  },
  {
    ...NO_MUTATION,
    promise: "P2",
    name: "a frontend repeats a push that lost its race until it wins",
    isCrowded: true,
    frontendMetadata: (metadata) =>
      withMetadata(metadata, { push: (key, request) => pushStubbornly(metadata, key, request) }),
  },
  {
    ...NO_MUTATION,
    promise: "P2",
    name: "metadata nodes answer on without their lease",
    metadataLease: everlastingLease,
    // Other troubles hold up those who would write to the new world and read from the old one.
    weights: {
      "old world": 12,
      "crash": 1,
      "stop": 1,
      "isolate": 1,
      "cut off from the store": 1,
      "store away": 0,
      "bad network": 1,
      "cut one line": 1,
    },
    isNarrow: true,
    isCrowded: true,
    troubleMs: 60_000,
  },
  {
    ...NO_MUTATION,
    promise: "P2",
    name: "tables on a full disk seem to be written",
    tableDisk: forgetfulDisk,
    weights: { "full tables": 30 },
    isNarrow: true,
  },
  {
    ...NO_MUTATION,
    promise: "P3",
    name: "frontends keep listings for a while",
    frontendMetadata: rememberListings,
  },
  {
    ...NO_MUTATION,
    promise: "P3",
    name: "frontends keep for a while where names lead",
    frontendMetadata: rememberNames,
    busyWith: "names",
  },
  {
    ...NO_MUTATION,
    promise: "P4",
    name: "a frontend leaves some contents out and says that they are stored",
    frontendExtents(extents) {
      let count = 0;
      const isLost = (id: string) => id[32] === "c" && ++count % 5 === 0;
      return {
        ...forwarded(extents),
        write: (owner, writes) => extents.write(owner, writes.filter(({ id }) => !isLost(id))),
      };
    },
  },
  {
    ...NO_MUTATION,
    promise: "P5",
    name: "an atomic push that is refused leaves some of its updates",
    isCrowded: true,
    frontendMetadata: (metadata) =>
      withMetadata(metadata, { push: (key, request) => pushCarelessly(metadata, key, request) }),
  },
  {
    ...NO_MUTATION,
    promise: "P6",
    name: "the sweep knows no time of grace",
    weights: { chores: 200 },
    // A push takes long enough for a sweep to come in between.
    network: { latencyMs: 80 },
    metadataExtents: (extents) => ({
      ...forwarded(extents),
      list: async (options) =>
        (await extents.list(options)).map((info) => ({ ...info, writtenAtMs: 0 })),
    }),
  },
  {
    ...NO_MUTATION,
    promise: "P6",
    name: "the sweep believes tables that lack what the log holds",
    lacksRoom: true,
    isNarrow: true,
    plant: believeTables,
  },
  {
    ...NO_MUTATION,
    promise: "P6",
    name: "what nobody needs takes something of its neighbours along",
    metadataExtents: greedyExtents,
    livesTwice: true,
  },
  {
    ...NO_MUTATION,
    promise: "P2",
    name: "a restored repository stays away",
    frontendMetadata: (metadata) =>
      withMetadata(metadata, {
        restoreRepository: (key) => Promise.resolve(key as RepositoryInfo),
      }),
  },
  {
    ...NO_MUTATION,
    promise: "P2",
    name: "requests about repositories carry no ids, and late ones undo what came since",
    metadataFetcher: forgetRequestIds,
    network: { doubling: 0.5 },
    busyWith: "forks",
    isNarrow: true,
  },
  {
    ...NO_MUTATION,
    promise: "P7",
    name: "what one repository refuses, another one gives",
    frontendMetadata: lookElsewhere,
  },
  {
    ...NO_MUTATION,
    promise: "P8",
    name: "streams that break look complete",
    isCrowded: true,
    network: { breaking: 0.3, breaksLookComplete: true },
  },
  {
    ...NO_MUTATION,
    promise: "P8",
    name: "the pack cache takes packs for each other",
    packCache: (options) => new CoarsePackCache(options),
  },
  {
    ...NO_MUTATION,
    promise: "P9",
    name: "some of the memory that requests took is never given back",
    frontendMemory: leakyMemory,
  },
  {
    ...NO_MUTATION,
    promise: "accounts",
    name: "frontends take the tokens that they once took",
    accountsView: rememberTokens,
  },
  {
    ...NO_MUTATION,
    promise: "accounts",
    name: "changes of accounts stand on nothing, and late ones undo what came since",
    accountsFetcher: refuseBases,
    network: { doubling: 0.5 },
    busyWith: "tokens",
  },
  {
    ...NO_MUTATION,
    promise: "webhooks",
    name: "a webhook is taken for told whatever came of it",
    metadataEgress: (egress) => ({
      post: (request) => egress.post(request).catch(() => NO_ANSWER).then(() => NO_ANSWER),
    }),
  },
  {
    ...NO_MUTATION,
    promise: "liveness",
    name: "an upgrade starts the programs that were there before",
    isUpgraded: true,
    upgradeLevel: RELEASE_LEVEL_LEAST,
  },
  {
    ...NO_MUTATION,
    promise: "copies",
    name: "nodes do not compare what they hold",
    objectService: deafToComparisons,
  },
  {
    ...NO_MUTATION,
    promise: "orphans",
    name: "the sweep sees nothing",
    metadataExtents: (extents) => ({ ...forwarded(extents), list: () => Promise.resolve([]) }),
  },
];

/** Accounts of which no token is ever forgotten. */
function rememberTokens(view: AccessView): AccessView {
  const known = new Map<string, ReturnType<AccessView["tokenByHash"]>>();
  return new Proxy(view, {
    get(target, name) {
      const value = target[name as keyof AccessView];
      if (typeof value !== "function") return value;
      if (name !== "tokenByHash") return value.bind(target);
      return (hash: Parameters<AccessView["tokenByHash"]>[0]) => {
        const found = known.get(hash) ?? target.tokenByHash(hash);
        known.set(hash, found);
        return found;
      };
    },
  });
}

/** A way to a control plane that seems to be of the release before: nobody there knows a basis. */
function refuseBases(fetcher: Fetcher): Fetcher {
  return async (request) => {
    if (!new URL(request.url).pathname.endsWith("/basis")) return await fetcher(request);
    return errorResponse(new GitStratumError("unsupported", "Know of no basis"));
  };
}

/** A way to metadata nodes on which requests lose their ids. */
function forgetRequestIds(fetcher: Fetcher): Fetcher {
  return async (request) => {
    const { method, url, headers, signal } = request;
    if (headers.get("content-type") !== "application/json") return await fetcher(request);
    const { requestId: _, ...body } = await request.json();
    const sent = new Headers(headers);
    sent.delete("content-length");
    return await fetcher(
      new Request(url, { method, headers: sent, signal, body: JSON.stringify(body) }),
    );
  };
}

/** Metadata whose names lead where they once led. */
function rememberNames(metadata: Metadata, clock: Clock): Metadata {
  const known = new Map<string, { readonly found: RepositoryInfo; readonly atMs: number }>();
  return withMetadata(metadata, {
    async findRepository(name) {
      const kept = known.get(name);
      const isYoung = kept !== undefined && clock.monotonicMs() < kept.atMs + STALE_MS;
      if (isYoung) return kept.found;
      const found = await metadata.findRepository(name);
      if (found !== undefined) known.set(name, { found, atMs: clock.monotonicMs() });
      return found;
    },
  });
}

/** Keeps a sixteenth of all possible packs apart. */
class CoarsePackCache extends PackCache {
  override open(key: PackKey, request: CachedRequest): Promise<OpenedPack> {
    return super.open(key.slice(0, 1) as PackKey, request);
  }
}

/** Memory of which every third permit stays out. */
function leakyMemory(memory: RequestMemory): RequestMemory {
  const { permits } = memory;
  const acquire = permits.acquire.bind(permits);
  let count = 0;
  permits.acquire = async (request) => {
    const permit = await acquire(request);
    return ++count % 3 === 0 ? { ...permit, release: () => {} } : permit;
  };
  return memory;
}

/** The methods of a store, whatever class it is of. */
function forwarded(extents: ExtentStore) {
  return {
    write: extents.write.bind(extents),
    read: extents.read.bind(extents),
    stat: extents.stat.bind(extents),
    remove: extents.remove.bind(extents),
    list: extents.list.bind(extents),
  };
}

/** Extents of packs of which one more goes with each that is removed. */
function greedyExtents(extents: ExtentStore): ExtentStore {
  return {
    ...forwarded(extents),
    async remove(ids) {
      const going = new Set<string>(ids);
      const others = await extents.list({ limit: 1000 });
      const victim = others.find(({ id }) => id[32] === "c" && !going.has(id));
      await extents.remove(victim === undefined ? ids : [...ids, victim.id]);
    },
  };
}

/** Partitions of which nobody reads the log on before tables are believed, as once was the case. */
function believeTables(): Disposable {
  const { prototype } = PartitionTable;
  const { readCaughtUp, catchUp } = prototype;
  prototype.readCaughtUp = prototype.read;
  prototype.catchUp = () => Promise.resolve();
  return {
    [Symbol.dispose]: () => void Object.assign(prototype, { readCaughtUp, catchUp }),
  };
}

function lyingDisk(disk: Disk): Disk {
  const lie = (file: DiskFile): DiskFile => ({
    readAt: (buffer, offset) => file.readAt(buffer, offset),
    writeAt: (bytes, offset) => file.writeAt(bytes, offset),
    syncData: () => Promise.resolve(),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    close: () => file.close(),
  });
  return {
    open: (path, options) => lie(disk.open(path, options)),
    exists: (path) => disk.exists(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    remove: (path) => disk.remove(path),
    rename: (from, to) => disk.rename(from, to),
    syncDirectory: (path) => disk.syncDirectory(path),
    lock: (path) => disk.lock(path),
  };
}

/** A disk that takes nothing when it is full, and does not say so. */
function forgetfulDisk(disk: TableDisk): TableDisk {
  return {
    hasRoom: (bytes) => disk.hasRoom(bytes),
    async committing(writer) {
      try {
        await disk.committing?.(writer);
      } catch {
        if (writer.isTransaction) writer.exec("ROLLBACK; BEGIN");
      }
    },
  };
}

/** A lease whose claims never end where they are held, whatever the store says. */
function everlastingLease(lease: NodeLease): NodeLease {
  return {
    mayServe: () => true,
    lostAtMs: Infinity,
    async claim(partition, signal) {
      const claim = await lease.claim(partition, signal);
      return {
        partition,
        mayServe: () => true,
        lostAtMs: Infinity,
        lost: new AbortController().signal,
        release: () => claim.release(),
      };
    },
  };
}

async function listed(metadata: Metadata, key: RepositoryKey): Promise<Map<string, Oid>> {
  const { references } = await metadata.listReferences(key, { prefixes: [] });
  const all = new Map<string, Oid>();
  for await (const batch of references) for (const { name, oid } of batch) all.set(name, oid);
  return all;
}

async function pushStubbornly(
  metadata: Metadata,
  key: RepositoryKey,
  request: PushRequest,
): Promise<PushResult> {
  const first = await metadata.push(key, request);
  if (first.results.every(({ rejected }) => rejected === undefined)) return first;
  const now = await listed(metadata, key);
  const commands = request.commands.flatMap((command) => {
    const oldOid = now.get(command.name);
    return oldOid === undefined || isZeroOid(command.oldOid) ? [] : [{ ...command, oldOid }];
  });
  if (commands.length < request.commands.length) return first;
  // The outcome of the first call is kept under the push's id.
  const pushId = `${request.pushId.slice(1)}0` as PushRequest["pushId"];
  return await metadata.push(key, { ...request, pushId, commands });
}

async function pushCarelessly(
  metadata: Metadata,
  key: RepositoryKey,
  request: PushRequest,
): Promise<PushResult> {
  const { results } = await metadata.push(key, { ...request, atomic: false });
  const isWhole = results.every(({ rejected }) => rejected === undefined);
  if (!request.atomic || isWhole) return { results };
  const refused = ({ name, rejected }: CommandResult): CommandResult => ({
    name,
    rejected: rejected ?? "atomic transaction failed",
  });
  return { results: results.map(refused) };
}

function rememberListings(metadata: Metadata, clock: Clock): Metadata {
  const known = new Map<string, { readonly atMs: number; readonly references: Reference[] }>();
  return withMetadata(metadata, {
    async listReferences(key, query): Promise<ReferenceListing> {
      const listing = await metadata.listReferences(key, query);
      let found = known.get(key.repositoryId);
      if (found === undefined || clock.monotonicMs() - found.atMs > STALE_MS) {
        const references: Reference[] = [];
        for await (const batch of listing.references) references.push(...batch);
        found = { atMs: clock.monotonicMs(), references };
        known.set(key.repositoryId, found);
      }
      const { references } = found;
      return {
        head: listing.head,
        references: (async function* () {
          yield await Promise.resolve(references);
        })(),
      };
    },
  });
}

function lookElsewhere(metadata: Metadata): Metadata {
  const keys = new Map<string, RepositoryKey>();
  return withMetadata(metadata, {
    async findRepository(name) {
      const found = await metadata.findRepository(name);
      if (found !== undefined) keys.set(found.repositoryId, found);
      return found;
    },
    negotiate: async (key, request) => ({
      ...await metadata.negotiate(key, request),
      refused: [],
    }),
    async plan(key, request) {
      for (const other of [key, ...keys.values()]) {
        try {
          return await metadata.plan(other, request);
        } catch (error) {
          if (!hasCode(error, "denied")) throw error;
        }
      }
      return await metadata.plan(key, request);
    },
  });
}

function deafToComparisons(service: Service): Service {
  return {
    fetch(request) {
      const isDeaf = /\/replica\/(digests|leaves|hints)/.test(new URL(request.url).pathname);
      return isDeaf ? Promise.resolve(new Response(null, { status: 503 })) : service.fetch(request);
    },
  };
}
