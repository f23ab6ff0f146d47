/**
 * {@link DirectorySteps} in the partitions of this node.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
import type { RepositoryInfo, RepositoryKey, RepositoryName } from "@gitstratum/core/rpc";
import { DEFAULT_REPOSITORY_SETTINGS } from "@gitstratum/core/rpc";
import type {
  Attributed,
  DirectorySteps,
  NameClaim,
  NameDebt,
  NameEntry,
  NewName,
  Removal,
} from "./directory_steps.ts";
import type { ForkSource, LogRecord } from "../log/log_record.ts";
import type { Decide } from "../partition/partition_primary.ts";
import type { PartitionTable } from "../partition/partition_table.ts";
import type { NameState, PartitionView, RepositoryState } from "../partition/partition_view.ts";
import { livingRepository, noRepository } from "../decision/push_decision.ts";
import type { StateReader } from "../state/state_reader.ts";

/** What the steps stand on. */
export interface LocalDirectoryStepsOptions {
  readonly partitions: PartitionTable;
  readonly reader: StateReader;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Steps of which this node is the primary; others are `unavailable` here. */
export class LocalDirectorySteps implements DirectorySteps {
  readonly #options: LocalDirectoryStepsOptions;

  /** Makes the steps over a node's partitions. */
  constructor(options: LocalDirectoryStepsOptions) {
    this.#options = options;
  }

  /** {@inheritDoc DirectorySteps.name} */
  name(name: RepositoryName): Promise<NameState | undefined> {
    const { partitions, reader } = this.#options;
    return partitions.read(partitionOf(name), () => reader.name(name));
  }

  /** {@inheritDoc DirectorySteps.claim} */
  claim(claim: NameClaim): Promise<NameState> {
    const { name, repositoryId, networkId, version, atMs } = claim;
    return this.#options.partitions.submit(partitionOf(name), (view) => {
      const holder = view.name(name);
      if (holder !== undefined && !mayTake(claim, holder)) return { records: [], answer: holder };
      const taken = { name, repositoryId, networkId, version, atMs };
      const records: LogRecord[] = [{ kind: "name-claimed", ...taken }];
      if (holder !== undefined) records.unshift(released(holder));
      // A former name leads to its repository all the time while that takes it back.
      const confirmed = holder?.repositoryId === repositoryId && (holder.confirmed || holder.moved);
      if (confirmed) records.push({ kind: "name-confirmed", name, repositoryId });
      return { records, answer: { ...taken, confirmed, moved: false } };
    });
  }

  /** {@inheritDoc DirectorySteps.confirm} */
  async confirm(entry: NameEntry): Promise<void> {
    const { name, repositoryId } = entry;
    await this.#changeName(entry, (state) => {
      const due = state.version === entry.version && !state.confirmed && !state.moved;
      return due ? { kind: "name-confirmed", name, repositoryId } : undefined;
    });
  }

  /** {@inheritDoc DirectorySteps.release} */
  async release(entry: NameEntry): Promise<void> {
    await this.#changeName(entry, released);
  }

  /** {@inheritDoc DirectorySteps.move} */
  async move(entry: NameClaim): Promise<void> {
    const { name, repositoryId, atMs } = entry;
    await this.#changeName(entry, ({ moved }) => {
      return moved ? undefined : { kind: "name-moved", name, repositoryId, atMs };
    });
  }

  /** {@inheritDoc DirectorySteps.repository} */
  repository({ networkId, repositoryId }: RepositoryKey): Promise<RepositoryState | undefined> {
    const { partitions, reader } = this.#options;
    return partitions.read(partitionOf(networkId), () => reader.repository(repositoryId));
  }

  /** {@inheritDoc DirectorySteps.create} */
  create(info: Attributed<RepositoryInfo>): Promise<RepositoryState> {
    const { name, repositoryId, networkId, objectFormat, head, createdAtMs, settings } = info;
    return this.#decide(info, (view) => {
      const known = view.repository(repositoryId);
      if (known !== undefined) return { records: [], answer: known };
      const fork = forkSource(view, info);
      const facts = { repositoryId, networkId, name, objectFormat, head };
      const record: LogRecord = {
        kind: "repository-created",
        ...facts,
        ...(isDefault(settings) ? {} : { settings }),
        ...(fork === undefined ? {} : { fork }),
        atMs: createdAtMs,
        ...byWhom(info),
      };
      const answer: RepositoryState = {
        ...facts,
        createdAtMs,
        settings,
        refsVersion: 0,
        nameVersion: 0,
        deleted: false,
        ...(fork === undefined ? {} : { parentId: fork.parentId }),
      };
      return { records: [record], answer };
    });
  }

  /** {@inheritDoc DirectorySteps.rename} */
  rename(request: Attributed<NewName>): Promise<RepositoryState> {
    const { name, repositoryId, version } = request;
    const atMs = this.#options.clock.nowMs();
    return this.#decide(request, (view) => {
      const known = livingRepository(view, request);
      if (known.nameVersion !== version - 1 || isDone(view, request)) {
        return { records: noted(view, { ...request, atMs }), answer: known };
      }
      const change = { repositoryId, name, version, atMs, ...byWhom(request) };
      return {
        records: [{ kind: "repository-renamed", ...change }],
        answer: { ...known, name, nameVersion: version },
      };
    });
  }

  /** {@inheritDoc DirectorySteps.remove} */
  remove(key: Attributed<RepositoryKey>): Promise<NameDebt> {
    const { repositoryId, networkId } = key;
    const atMs = this.#options.clock.nowMs();
    return this.#decide(key, (view) => {
      const known = knownRepository(view, key);
      const { name, nameVersion } = known;
      const debt = { name, repositoryId, networkId, moves: false };
      if (known.deleted) {
        const records = noted(view, { ...key, atMs });
        return { records, answer: { ...debt, version: nameVersion - 1 } };
      }
      if (isDone(view, key)) throw noRepository(repositoryId);
      const record: LogRecord = {
        kind: "repository-removed",
        repositoryId,
        version: nameVersion + 1,
        atMs,
        ...byWhom(key),
      };
      return { records: [record], answer: { ...debt, version: nameVersion } };
    });
  }

  /** {@inheritDoc DirectorySteps.restore} */
  restore(request: Attributed<NewName>): Promise<RepositoryState> {
    const { name, repositoryId, version } = request;
    const atMs = this.#options.clock.nowMs();
    return this.#decide(request, (view) => {
      const known = knownRepository(view, request);
      const isLate = known.nameVersion !== version - 1 || isDone(view, request);
      if (known.removedAtMs === undefined || isLate) {
        return { records: noted(view, { ...request, atMs }), answer: known };
      }
      const { removedAtMs: _, ...kept } = known;
      const change = { repositoryId, name, version, atMs, ...byWhom(request) };
      return {
        records: [{ kind: "repository-restored", ...change }],
        answer: { ...kept, name, nameVersion: version, deleted: false },
      };
    });
  }

  /** {@inheritDoc DirectorySteps.purge} */
  async purge(removal: Removal): Promise<void> {
    const { repositoryId, networkId } = removal;
    const atMs = this.#options.clock.nowMs();
    await this.#decide(removal, (view) => {
      const { name, removedAtMs } = knownRepository(view, removal);
      if (!isMeant(removal, removedAtMs)) throw noRepository(repositoryId);
      const record = { kind: "repository-deleted", repositoryId, networkId, name, atMs } as const;
      return { records: [record], answer: undefined };
    });
  }

  /** {@inheritDoc DirectorySteps.bar} */
  bar(claim: NameClaim): Promise<boolean> {
    const { name, repositoryId, networkId, version } = claim;
    const atMs = this.#options.clock.nowMs();
    return this.#decide(claim, (view) => {
      const known = view.repository(repositoryId);
      if (known === undefined) {
        const bar = { kind: "repository-deleted", repositoryId, networkId, name, atMs } as const;
        return { records: [bar], answer: false };
      }
      if (known.nameVersion < version) {
        const raise = { kind: "name-version-raised", repositoryId, version } as const;
        return { records: [raise], answer: false };
      }
      return { records: [], answer: !known.deleted && known.name === name };
    });
  }

  /** {@inheritDoc DirectorySteps.settle} */
  async settle(debt: NameEntry): Promise<void> {
    const { repositoryId, version } = debt;
    await this.#decide(debt, () => {
      return { records: [{ kind: "name-settled", repositoryId, version }], answer: undefined };
    });
  }

  /** {@inheritDoc DirectorySteps.finish} */
  async finish(key: RepositoryKey): Promise<void> {
    const { repositoryId } = key;
    await this.#decide(key, () => {
      return { records: [{ kind: "deletion-finished", repositoryId }], answer: undefined };
    });
  }

  /** Decides in the partition of a repository's network. */
  #decide<T>({ networkId }: RepositoryKey, decide: Decide<T>): Promise<T> {
    return this.#options.partitions.submit(partitionOf(networkId), decide);
  }

  /** Decides about a name that this entry, or an older one of its repository, has. */
  #changeName(
    entry: NameEntry,
    recordOf: (state: NameState) => LogRecord | undefined,
  ): Promise<void> {
    return this.#options.partitions.submit(partitionOf(entry.name), (view) => {
      const state = view.name(entry.name);
      const isOlder = state?.repositoryId === entry.repositoryId && state.version <= entry.version;
      const record = isOlder ? recordOf(state) : undefined;
      return { records: record === undefined ? [] : [record], answer: undefined };
    });
  }
}

/** Whether a claim goes before whoever holds the name: one that moved, or itself at an earlier time. */
function mayTake(claim: NameClaim, holder: NameState): boolean {
  return holder.repositoryId === claim.repositoryId ? holder.version < claim.version : holder.moved;
}

function released({ name, repositoryId }: NameState): LogRecord {
  return { kind: "name-released", name, repositoryId };
}

function byWhom({ provenance, requestId }: Attributed<unknown>): Attributed<unknown> {
  const by = provenance === undefined ? {} : { provenance };
  return requestId === undefined ? by : { ...by, requestId };
}

/** Whether a repository was removed, and at the time that is meant: no clock is asked for that. */
function isMeant(removal: Removal, removedAtMs: number | undefined): boolean {
  if (removedAtMs === undefined) return false;
  const { removedAtMs: wantedMs, removedBeforeMs } = removal;
  return wantedMs === undefined ? removedAtMs <= removedBeforeMs : removedAtMs === wantedMs;
}

/** Whether a request was carried out before. What came after it stays. */
function isDone(
  view: PartitionView,
  { repositoryId, requestId }: Attributed<RepositoryKey>,
): boolean {
  return requestId !== undefined && view.isDone(repositoryId, requestId);
}

/** Sees to it that a request which changes nothing now is not carried out when it comes again. */
function noted(
  view: PartitionView,
  { repositoryId, networkId, requestId, atMs }: Attributed<RepositoryKey> & {
    readonly atMs: number;
  },
): LogRecord[] {
  if (requestId === undefined || isDone(view, { repositoryId, networkId, requestId })) return [];
  return [{ kind: "request-noted", repositoryId, requestId, atMs }];
}

function isDefault(settings: RepositoryInfo["settings"]): boolean {
  return JSON.stringify(settings) === JSON.stringify(DEFAULT_REPOSITORY_SETTINGS);
}

/** A repository that lives or can be restored. @throws `not-found` */
function knownRepository(view: PartitionView, key: RepositoryKey): RepositoryState {
  const known = view.repository(key.repositoryId);
  const isGone = known?.deleted === true && known.removedAtMs === undefined;
  if (known?.networkId === key.networkId && !isGone) return known;
  throw noRepository(key.repositoryId);
}

/** What a fork copies of its parent as it is now. @throws `not-found` when that is not there */
function forkSource(view: PartitionView, info: RepositoryInfo): ForkSource | undefined {
  const { parentId, networkId, objectFormat } = info;
  if (parentId === undefined) return undefined;
  const parent = livingRepository(view, { repositoryId: parentId, networkId });
  if (parent.objectFormat === objectFormat) {
    return { parentId, hiddenReferences: parent.settings.hiddenReferences };
  }
  throw new GitStratumError("invalid", "Fork a repository into another object format", {
    data: { repositoryId: parentId, objectFormat, found: parent.objectFormat },
  });
}
