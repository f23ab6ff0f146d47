/**
 * A metadata node as tests want it: in a directory of its own, over stores in memory, asked through
 * its own wire, on a manual clock, and able to crash.
 *
 * @module
 */

import { type Logger, ManualClock, systemRandom } from "@gitstratum/core";
import { ConsensusLog, type Log, MemoryConsensus } from "@gitstratum/core/consensus";
import { type Oid, zeroOid } from "@gitstratum/core/git";
import {
  MemoryExtentStore,
  MetadataClient,
  newPushId,
  type PackGroup,
  parseRepositoryName,
  type PushRequest,
  type PushResult,
  type Reference,
  type ReferenceCommand,
  type RepositoryInfo,
  type RepositoryKey,
} from "@gitstratum/core/rpc";
import {
  type MetadataNodeOptions,
  type OpenMetadataNode,
  openMetadataNode,
} from "../open_metadata_node.ts";
import type { TableDisk } from "../state/table_disk.ts";
import { GroupBuilder } from "./group_builder.ts";

/** Writes nothing. */
export const SILENT: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => SILENT,
};

/** A time to begin with: 2026. */
const START_MS = 1_767_225_600_000;

/** A disk under tables that takes nothing more while it is {@link FillableDisk.full}. */
export class FillableDisk implements TableDisk {
  /** Whether it is full; the tables hear of it when they are written, and look again after a second. */
  full = false;

  /** {@inheritDoc TableDisk.hasRoom} */
  hasRoom(): Promise<boolean> {
    return Promise.resolve(!this.full);
  }

  /** {@inheritDoc TableDisk.committing} */
  committing(): Promise<void> {
    if (!this.full) return Promise.resolve();
    return Promise.reject(Object.assign(new Error("database or disk is full"), { errcode: 13 }));
  }
}

/** What outlives a node: its log, its extents, its directory. */
export class TestNode implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly extents: MemoryExtentStore;
  readonly log: Log;
  readonly directory: string;
  readonly objects = new GroupBuilder();
  readonly #consensus: MemoryConsensus;
  #node: OpenMetadataNode;

  private constructor(
    parts: Pick<TestNode, "clock" | "extents" | "log" | "directory">,
    consensus: MemoryConsensus,
    node: OpenMetadataNode,
  ) {
    this.clock = parts.clock;
    this.extents = parts.extents;
    this.log = parts.log;
    this.directory = parts.directory;
    this.#consensus = consensus;
    this.#node = node;
  }

  /** Starts a node; `wrapLog` may put faults between it and its log. */
  static async start(
    options: { readonly wrapLog?: (log: Log) => Log } & Partial<MetadataNodeOptions> = {},
  ): Promise<TestNode> {
    const clock = new ManualClock(START_MS);
    const consensus = new MemoryConsensus({ clock, random: systemRandom });
    const plain = new ConsensusLog(consensus);
    const log = options.wrapLog?.(plain) ?? plain;
    const extents = new MemoryExtentStore({ clock });
    const directory = await Deno.makeTempDir({ prefix: "gitstratum-metadata-" });
    const parts = { clock, extents, log, directory };
    return new TestNode(parts, consensus, await open(parts, options));
  }

  /** The node behind its wire. */
  get metadata(): MetadataClient {
    return new MetadataClient((request) => this.#node.service.fetch(request));
  }

  /** The node. */
  get node(): OpenMetadataNode {
    return this.#node;
  }

  /** Stops the node and starts another on what is left; `lose` removes its tables first. */
  async restart(
    options: { readonly lose?: boolean; readonly log?: Log } & Partial<MetadataNodeOptions> = {},
  ): Promise<void> {
    await this.#node.close();
    if (options.lose) await Deno.remove(this.directory, { recursive: true });
    this.#node = await open({ ...this, log: options.log ?? this.log }, options);
  }

  /** Creates a repository. */
  create(name = "owner/name"): Promise<RepositoryInfo> {
    return this.metadata.createRepository({
      name: parseRepositoryName(name),
      objectFormat: "sha1",
      defaultBranch: "main",
    });
  }

  /** Stores what {@link objects} has as a group. */
  store(
    key: RepositoryKey,
    tips: readonly Oid[],
    options: { readonly closed?: boolean; readonly without?: readonly Oid[] } = {},
  ): Promise<PackGroup> {
    return this.objects.store(this.extents, { networkId: key.networkId, tips, ...options });
  }

  /** Pushes commands. */
  push(
    key: RepositoryKey,
    commands: readonly ReferenceCommand[],
    options: Partial<PushRequest> = {},
  ): Promise<PushResult> {
    return this.metadata.push(key, pushRequest(commands, options));
  }

  /** All references of a repository. */
  async references(key: RepositoryKey, prefixes: readonly string[] = []): Promise<Reference[]> {
    const { references } = await this.metadata.listReferences(key, { prefixes });
    const all: Reference[] = [];
    for await (const batch of references) all.push(...batch);
    return all;
  }

  /** Stops everything and removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.close();
    await this.#consensus.close();
    await Deno.remove(this.directory, { recursive: true });
  }
}

function open(
  { clock, extents, log, directory }: Pick<TestNode, "clock" | "extents" | "log" | "directory">,
  options: Partial<MetadataNodeOptions>,
): Promise<OpenMetadataNode> {
  return openMetadataNode({
    dataDirectory: directory,
    log,
    extents,
    clock,
    random: systemRandom,
    logger: SILENT,
    clockBeliefMs: options.clockBeliefMs ?? 0,
    ...(options.disk === undefined ? {} : { disk: options.disk }),
    ...(options.freedGraceMs === undefined ? {} : { freedGraceMs: options.freedGraceMs }),
    ...(options.unreachedGraceMs === undefined
      ? {}
      : { unreachedGraceMs: options.unreachedGraceMs }),
    ...(options.deletedGraceMs === undefined ? {} : { deletedGraceMs: options.deletedGraceMs }),
    ...(options.keepEntryCount === undefined ? {} : { keepEntryCount: options.keepEntryCount }),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    ...(options.webhooks === undefined ? {} : { webhooks: options.webhooks }),
  });
}

/** A push with usual values for what a test does not care about. */
export function pushRequest(
  commands: readonly ReferenceCommand[],
  options: Partial<PushRequest> = {},
): PushRequest {
  return {
    pushId: newPushId(systemRandom),
    commands,
    atomic: false,
    pushOptions: [],
    provenance: { transport: "http", atMs: START_MS },
    ...options,
  };
}

/** A command; undefined stands for "absent". */
export function command(
  name: string,
  oldOid: Oid | undefined,
  newOid: Oid | undefined,
): ReferenceCommand {
  const zero = zeroOid("sha1");
  return { name, oldOid: oldOid ?? zero, newOid: newOid ?? zero };
}

/** The reasons of a push's result, undefined where a command was carried out. */
export function reasons(result: PushResult): (string | undefined)[] {
  return result.results.map(({ rejected }) => rejected);
}
