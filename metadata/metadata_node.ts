/**
 * A metadata node: answers {@link Metadata} from the partitions that it serves.
 *
 * @module
 */

import {
  assert,
  type Clock,
  GitStratumError,
  hasCode,
  LISTED_LINES_BYTES_MAX,
  type Logger,
  MIB,
  PUSH_COMMAND_COUNT_MAX,
  type Random,
  REPOSITORY_PAGE_COUNT_MAX,
  UNREACHED_GROUP_GRACE_MS,
} from "@gitstratum/core";
import { isOid, type Oid, oidBytes } from "@gitstratum/core/git";
import { encodeReferenceLines } from "@gitstratum/core/protocol";
import type { Recipe } from "@gitstratum/core/recipe";
import { REPETITION_LEVEL } from "@gitstratum/core/rpc";
import type {
  CreateRepositoryRequest,
  DeletedRepository,
  DeleteRepositoryRequest,
  Depth,
  ExtentStore,
  ForkRepositoryRequest,
  ListedRepository,
  LocatedObject,
  LocateScope,
  Metadata,
  NegotiateRequest,
  NegotiateResult,
  PlanRequest,
  PurgeRepositoryRequest,
  PushRequest,
  PushResult,
  ReferenceListing,
  ReferenceQuery,
  RenameRepositoryRequest,
  RepositoryInfo,
  RepositoryKey,
  RepositoryListQuery,
  RepositoryName,
  RepositoryUsage,
  RestoreRepositoryRequest,
  ShallowBoundary,
  UpdateRepositoryRequest,
} from "@gitstratum/core/rpc";
import { type Directory, infoOf } from "./directory/directory.ts";
import { Mutex } from "./partition/mutex.ts";
import { partitionOf } from "@gitstratum/core/ring";
import { ALL_PARTITION_NUMBERS, type PartitionTable } from "./partition/partition_table.ts";
import type { RepositoryState } from "./partition/partition_view.ts";
import { checkPush, type PushVerdict } from "./decision/push_check.ts";
import {
  decidePush,
  isNote,
  livingRepository,
  noRepository,
  noteRefusal,
  repeatedResult,
} from "./decision/push_decision.ts";
import type { NetworkView } from "./reach/network_view.ts";
import type { ReferenceHistory } from "./state/reference_history.ts";
import type { ReferenceLines } from "./state/reference_lines.ts";
import { listReferences, type OpenListing } from "./state/reference_listing.ts";
import { RepositoryRefs } from "./state/repository_refs.ts";
import { decideUpdate } from "./decision/repository_update.ts";
import { usageOf } from "./state/repository_usage.ts";
import type { StateDatabase } from "./state/state_database.ts";
import type { StateReader } from "./state/state_reader.ts";
import { Statements } from "./state/statements.ts";

/** What a node is made of. */
export interface MetadataNodeParts {
  readonly directory: Directory;
  readonly partitions: PartitionTable;
  readonly database: StateDatabase;
  readonly reader: StateReader;
  readonly history: ReferenceHistory;
  readonly lines: ReferenceLines;
  readonly view: NetworkView;
  readonly extents: ExtentStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The release level of the cluster now. */
  readonly releaseLevel: () => number;
}

/** An index of some 50,000 objects: the others are small enough to be checked side by side. */
const LARGE_INDEX_BYTES = 4 * MIB;
/** Checks of one push: another one is due when its settings were made stricter meanwhile. */
const CHECK_ATTEMPT_COUNT_MAX = 4;
/** What a push is refused with for good, as far as its caller knows. */
const REFUSALS = ["not-found", "invalid", "conflict"] as const;
/** From a check to the decision: half of the shortest grace of what the verdict stands on. */
const VERDICT_MS_MAX = UNREACHED_GROUP_GRACE_MS / 2;

/** {@link Metadata} over partitions in this process. */
export class MetadataNode implements Metadata {
  readonly #parts: MetadataNodeParts;
  readonly #sql: Statements;
  readonly #largeChecks = new Mutex();

  /** Puts a node together; its parts stay their owner's to close. */
  constructor(parts: MetadataNodeParts) {
    this.#parts = parts;
    this.#sql = new Statements(parts.database.reader);
  }

  /** {@inheritDoc Metadata.createRepository} */
  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    return this.#parts.directory.create(request);
  }

  /** {@inheritDoc Metadata.findRepository} */
  findRepository(name: RepositoryName, known?: RepositoryKey): Promise<RepositoryInfo | undefined> {
    return this.#parts.directory.find(name, known);
  }

  /** {@inheritDoc Metadata.listRepositories} At most `REPOSITORY_PAGE_COUNT_MAX` at once. */
  listRepositories(query: RepositoryListQuery): Promise<RepositoryInfo[]> {
    const { after = "", partitions = ALL_PARTITION_NUMBERS } = query;
    const limit = Math.min(query.limit, REPOSITORY_PAGE_COUNT_MAX);
    return this.#parts.partitions.readAll(
      partitions,
      () => this.#parts.reader.repositoriesAfter(after, { partitions, limit }).map(infoOf),
    );
  }

  /** {@inheritDoc Metadata.updateRepository} */
  async updateRepository(
    key: RepositoryKey,
    request: UpdateRepositoryRequest,
  ): Promise<RepositoryInfo> {
    const { partitions, clock } = this.#parts;
    const decide = decideUpdate(key, request, clock.nowMs());
    return await partitions.submit(partitionOf(key.networkId), decide);
  }

  /** {@inheritDoc Metadata.deleteRepository} */
  deleteRepository(key: RepositoryKey, request: DeleteRepositoryRequest = {}): Promise<void> {
    return this.#parts.directory.delete(key, request);
  }

  /** {@inheritDoc RepositoryLife.forkRepository} */
  forkRepository(parent: RepositoryKey, request: ForkRepositoryRequest): Promise<RepositoryInfo> {
    return this.#parts.directory.fork(parent, request);
  }

  /** {@inheritDoc RepositoryLife.renameRepository} */
  renameRepository(key: RepositoryKey, request: RenameRepositoryRequest): Promise<RepositoryInfo> {
    return this.#parts.directory.rename(key, request);
  }

  /** {@inheritDoc RepositoryLife.restoreRepository} */
  restoreRepository(
    key: RepositoryKey,
    request: RestoreRepositoryRequest,
  ): Promise<RepositoryInfo> {
    return this.#parts.directory.restore(key, request);
  }

  /** {@inheritDoc RepositoryLife.purgeRepository} */
  purgeRepository(key: RepositoryKey, request?: PurgeRepositoryRequest): Promise<void> {
    return this.#parts.directory.purge(key, request);
  }

  /** {@inheritDoc RepositoryLife.listDeletedRepositories} */
  listDeletedRepositories(query: RepositoryListQuery): Promise<DeletedRepository[]> {
    const { partitions = ALL_PARTITION_NUMBERS } = query;
    const limit = Math.min(query.limit, REPOSITORY_PAGE_COUNT_MAX);
    const { reader, directory } = this.#parts;
    return this.#parts.partitions.readAll(
      partitions,
      () => reader.removedAfter(query, { partitions, limit }).map((one) => directory.deleted(one)),
    );
  }

  /** {@inheritDoc RepositoryLife.repositoryUsage} */
  repositoryUsage(key: RepositoryKey): Promise<RepositoryUsage> {
    const { partitions, reader } = this.#parts;
    return partitions.read(partitionOf(key.networkId), () => {
      const found = reader.repository(key.repositoryId);
      const isGone = found?.deleted === true && found.removedAtMs === undefined;
      if (found?.networkId === key.networkId && !isGone) return usageOf(this.#sql, key);
      throw noRepository(key.repositoryId);
    });
  }

  /** {@inheritDoc Metadata.listReferences} */
  async listReferences(key: RepositoryKey, query: ReferenceQuery): Promise<ReferenceListing> {
    const { clock, partitions } = this.#parts;
    const tables = { ...this.#parts, sql: this.#sql };
    let listing: OpenListing | undefined;
    try {
      return await partitions.read(
        partitionOf(key.networkId),
        () => listing = listReferences(tables, key, { query, clock }),
      );
    } catch (error) {
      await listing?.references.return();
      throw error;
    }
  }

  /** {@inheritDoc Metadata.openReferenceLines} */
  async openReferenceLines(key: RepositoryKey): Promise<ReadableStream<Uint8Array>> {
    const { lines } = await this.#list(key, () => true);
    if (lines !== undefined) return ReadableStream.from([lines]);
    return encodeReferenceLines(await this.listReferences(key, { prefixes: [] }));
  }

  /** {@inheritDoc Metadata.findListed} */
  async findListed(name: RepositoryName): Promise<ListedRepository | undefined> {
    const repository = await this.findRepository(name);
    return repository === undefined ? undefined : { repository };
  }

  /** {@inheritDoc Metadata.listKnown} */
  async listKnown(key: RepositoryKey, name: RepositoryName): Promise<ListedRepository> {
    const { repository, lines } = await this.#list(key, (found) => found.name === name);
    const isFew = lines !== undefined && lines.length <= LISTED_LINES_BYTES_MAX;
    return isFew ? { repository, lines } : { repository };
  }

  /** A repository with the lines that are kept of it. @throws `not-found` unless it is one of those */
  #list(
    key: RepositoryKey,
    isMeant: (found: RepositoryState) => boolean,
  ): Promise<ListedRepository> {
    const { partitions, reader, lines } = this.#parts;
    return partitions.read(partitionOf(key.networkId), () => {
      const found = livingRepository(reader, key);
      if (!isMeant(found)) throw noRepository(key.repositoryId);
      const repository = infoOf(found);
      const kept = lines.of(found, reader.numberOf(key.repositoryId)!);
      return kept === undefined ? { repository } : { repository, lines: kept };
    });
  }

  /** {@inheritDoc Metadata.negotiate} */
  negotiate(key: RepositoryKey, request: NegotiateRequest): Promise<NegotiateResult> {
    return this.#read(key, "visible", (refs) => this.#parts.view.negotiate(refs, request));
  }

  /** {@inheritDoc Metadata.tagDigest} */
  tagDigest(key: RepositoryKey): Promise<string> {
    return this.#read(key, "visible", (refs) => this.#parts.view.tagDigest(refs));
  }

  /** {@inheritDoc Metadata.deepen} */
  deepen(
    key: RepositoryKey,
    request: {
      readonly wants: readonly Oid[];
      readonly clientShallow: readonly Oid[];
      readonly depth: Depth;
    },
  ): Promise<ShallowBoundary> {
    return this.#read(key, "visible", (refs) => this.#parts.view.deepen(refs, request));
  }

  /** {@inheritDoc Metadata.plan} */
  plan(key: RepositoryKey, request: PlanRequest): Promise<Recipe> {
    return this.#read(key, "visible", (refs) => this.#parts.view.plan(refs, request));
  }

  /** {@inheritDoc Metadata.locate} */
  locate(
    key: RepositoryKey,
    request: { readonly oids: readonly Oid[]; readonly scope: LocateScope },
  ): Promise<LocatedObject[]> {
    const scope = request.scope === "visible" ? "visible" : "repository";
    return this.#read(key, scope, (refs) => this.#parts.view.locate(refs, request));
  }

  /** {@inheritDoc Metadata.known} */
  known(key: RepositoryKey, oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    return this.#read(key, "repository", (refs) => {
      const width = oidBytes(refs.objectFormat);
      if (oids.length % width === 0) return this.#parts.view.known(refs, oids);
      throw new GitStratumError("invalid", "Expect whole rows of object ids", {
        data: { bytes: oids.length, width },
      });
    });
  }

  /** {@inheritDoc Metadata.push} */
  async push(key: RepositoryKey, request: PushRequest): Promise<PushResult> {
    const { partitions, reader, logger } = this.#parts;
    return await partitions.read(partitionOf(key.networkId), async () => {
      // Before all else: a push that was committed stays so, whatever became of the repository since.
      const earlier = reader.pushOutcome(key.repositoryId, request.pushId);
      if (earlier !== undefined && !isNote(earlier)) return repeatedResult(request, earlier);
      const result = await this.#decideOrNote(key, request);
      logger.debug("Decided a push", {
        repositoryId: key.repositoryId,
        commands: request.commands.length,
        rejected: result.results.filter(({ rejected }) => rejected !== undefined).length,
      });
      return result;
    });
  }

  /** Decides a push, and notes it when that fails in a way that its caller takes for final. */
  async #decideOrNote(key: RepositoryKey, request: PushRequest): Promise<PushResult> {
    const { partitions, reader, clock } = this.#parts;
    try {
      checkCommands(request, livingRepository(reader, key));
      return await this.#decide(key, request);
    } catch (error) {
      if (!this.#notes || !REFUSALS.some((code) => hasCode(error, code))) throw error;
      const note = noteRefusal(key, request, clock.nowMs());
      const decided = await partitions.submit(partitionOf(key.networkId), note);
      if (decided === undefined) throw error;
      return decided;
    }
  }

  /** Whether pushes that change nothing are noted: nodes of the release before can not. */
  get #notes(): boolean {
    return this.#parts.releaseLevel() >= REPETITION_LEVEL;
  }

  /** Checks a push and decides it; again when what was checked is not enough for the decision. */
  async #decide(key: RepositoryKey, request: PushRequest): Promise<PushResult> {
    const { partitions, reader, clock } = this.#parts;
    for (let attempt = 1;; attempt++) {
      const isCurrent = isYoung(clock, VERDICT_MS_MAX);
      const verdict = await this.#check(livingRepository(reader, key), request);
      const { known = [], unchecked = [] } = verdict;
      if (known.length > 0) return { results: [], known };
      if (unchecked.length > 0) return { results: [], unchecked };
      const context = { verdict, atMs: clock.nowMs(), isCurrent, notes: this.#notes };
      const decide = decidePush(key, request, context);
      try {
        return await partitions.submit(partitionOf(key.networkId), decide);
      } catch (error) {
        if (!hasCode(error, "conflict") || attempt === CHECK_ATTEMPT_COUNT_MAX) throw error;
      }
    }
  }

  /** Checks a push; of those whose index is large only one at a time, for it is held in memory. */
  #check(repository: RepositoryState, request: PushRequest): Promise<PushVerdict> {
    const options = { ...this.#parts, settings: repository.settings };
    const check = () => checkPush(this.#refsOf(repository, "repository"), request, options);
    const indexBytes = request.group?.indexBytes ?? 0;
    return indexBytes > LARGE_INDEX_BYTES ? this.#largeChecks.run(check) : check();
  }

  /** Reads from what a repository's references reach, as {@link PartitionTable.read} does. */
  #read<T>(
    key: RepositoryKey,
    scope: "visible" | "repository",
    work: (refs: RepositoryRefs) => Promise<T>,
  ): Promise<T> {
    const { partitions, reader } = this.#parts;
    return partitions.read(
      partitionOf(key.networkId),
      () => work(this.#refsOf(livingRepository(reader, key), scope)),
    );
  }

  #refsOf(repository: RepositoryState, scope: "visible" | "repository"): RepositoryRefs {
    const { history, clock, reader } = this.#parts;
    const number = reader.numberOf(repository.repositoryId);
    assert(number !== undefined, "A repository that was just read has a number");
    return new RepositoryRefs(repository, { sql: this.#sql, history, clock, number, scope });
  }
}

/**
 * Whether no more time than this has passed since the call, by either time: sweeps go by the wall clock,
 * which may go back while a push waits, and collections by the other one.
 */
function isYoung(clock: Clock, msMax: number): () => boolean {
  const [wallMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
  return () =>
    Math.abs(clock.nowMs() - wallMs) <= msMax && clock.monotonicMs() - monotonicMs <= msMax;
}

/** A request may come from another process: ids of the wrong format must not get into the log. */
function checkCommands({ commands }: PushRequest, { objectFormat }: RepositoryState): void {
  if (commands.length === 0 || commands.length > PUSH_COMMAND_COUNT_MAX) {
    throw new GitStratumError("invalid", "Push an acceptable number of commands", {
      data: { count: commands.length, countMax: PUSH_COMMAND_COUNT_MAX },
    });
  }
  for (const { oldOid, newOid } of commands) {
    if (isOid(oldOid, objectFormat) && isOid(newOid, objectFormat)) continue;
    throw new GitStratumError("invalid", "Push ids of the repository's object format", {
      data: { objectFormat },
    });
  }
}
