/**
 * The directory of names, and the sagas that keep it in step with the repositories.
 *
 * A name lives in its own partition, its repository in the network's, and no append spans both. So a
 * creation claims the name, creates the repository, confirms the name. A new name is claimed, given to
 * the repository, confirmed, and the old one made to lead there; a deletion removes the repository and
 * releases the name; a restoration is a creation of what is there already. Each step is one append and
 * recognises itself when repeated. The network's partition has the say: the step there is the moment
 * at which a saga takes effect, and what it leaves to be done is noted there and in the claim, so that
 * {@link Directory.repair} carries to its end what a crash cut short.
 *
 * Invariant: a look-up answers a repository only while it lives, whatever the steps in between, since
 * it asks the network's partition at last.
 *
 * A request that has an id is noted also when there is nothing to do for it, by a step that comes too
 * late to do anything: others may undo what it asked for before it comes again.
 *
 * @module
 */

import {
  assert,
  type Clock,
  GitStratumError,
  hasCode,
  MOVED_NAME_GRACE_MS,
  NAME_CLAIM_GRACE_MS,
  type Random,
} from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import { referenceNameProblem } from "@gitstratum/core/git";
import {
  changedSettings,
  type CreateRepositoryRequest,
  DEFAULT_REPOSITORY_SETTINGS,
  type DeletedRepository,
  type DeleteRepositoryRequest,
  type ForkRepositoryRequest,
  type NetworkId,
  newRepositoryId,
  type PurgeRepositoryRequest,
  type RenameRepositoryRequest,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryKey,
  type RepositoryName,
  type RestoreRepositoryRequest,
} from "@gitstratum/core/rpc";
import type { Attributed, DirectorySteps, NameClaim } from "./directory_steps.ts";
import { NameSettlement } from "./name_settlement.ts";
import type { NameState, RepositoryState } from "../partition/partition_view.ts";
import { noRepository } from "../decision/push_decision.ts";
import type { StateReader } from "../state/state_reader.ts";

/** What a directory stands on. */
export interface DirectoryOptions {
  /** Steps in all partitions, whoever serves them. */
  readonly steps: DirectorySteps;
  /** The state of this node, for {@link Directory.repair}. */
  readonly reader: StateReader;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  /** Deleted repositories can be restored for so long; milliseconds. */
  readonly deletedGraceMs: number;
}

/** What a creation makes, beside its name and its place. */
type NewRepository = Attributed<
  Pick<RepositoryInfo, "objectFormat" | "head" | "settings" | "parentId">
>;

/** Halves repaired in one go, of each kind. */
const REPAIR_COUNT = 256;

/** Repositories by name. */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #names: NameSettlement;

  /** Makes a directory over the steps of its sagas. */
  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#names = new NameSettlement(options);
  }

  /**
   * Creates a repository in a network of its own. Called again with the same repository id, it finds
   * what it did before.
   *
   * @throws `already-exists` when the name is taken; `invalid` when the branch name is none
   */
  create(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    const head = checkedHead(request.defaultBranch);
    const settings = changedSettings(DEFAULT_REPOSITORY_SETTINGS, request.settings ?? {});
    const repositoryId = request.repositoryId ?? newRepositoryId(this.#options.random);
    const networkId = networkOf(repositoryId);
    const { objectFormat, provenance } = request;
    const by = provenance === undefined ? {} : { provenance };
    const place = { name: request.name, repositoryId, networkId };
    return this.#make(place, { objectFormat, head, settings, ...by });
  }

  /**
   * Creates a repository in the network of another, as {@link create} does.
   *
   * @throws `not-found` when there is no parent; `already-exists` when the name is taken
   */
  async fork(parentKey: RepositoryKey, request: ForkRepositoryRequest): Promise<RepositoryInfo> {
    const parent = await this.#living(parentKey);
    const { objectFormat, head, networkId, repositoryId: parentId } = parent;
    const { visibility, description } = parent.settings;
    const inherited = { visibility, description, ...request.settings };
    const settings = changedSettings(DEFAULT_REPOSITORY_SETTINGS, inherited);
    const by = request.provenance === undefined ? {} : { provenance: request.provenance };
    const facts = { objectFormat, head, settings, parentId, ...by };
    return await this.#make({ ...request, networkId }, facts);
  }

  /**
   * Looks a name up, former ones included; undefined when it leads to no living repository.
   *
   * A repository that lives under the name has it: it was claimed before it got it, and is not let go
   * before it has lost it. So where `known` is that repository, the name's partition is not asked.
   */
  async find(name: RepositoryName, known?: RepositoryKey): Promise<RepositoryInfo | undefined> {
    const { steps } = this.#options;
    const expected = known && await steps.repository(known);
    if (expected?.deleted === false && expected.name === name) return infoOf(expected);
    const holder = await steps.name(name);
    if (holder === undefined) return undefined;
    const repository = await steps.repository(holder);
    if (repository === undefined || repository.deleted) return undefined;
    // A claim alone leads nowhere: it may be of a new name that the repository never gets.
    const leads = repository.name === name || holder.confirmed || holder.moved;
    return leads ? infoOf(repository) : undefined;
  }

  /**
   * Gives a repository another name; the old one leads to it.
   *
   * @throws `not-found`; `already-exists` when the name is taken; `conflict` when it has neither the
   * old nor the new name
   */
  async rename(key: RepositoryKey, request: RenameRepositoryRequest): Promise<RepositoryInfo> {
    const { steps, clock } = this.#options;
    const { name, from } = request;
    const known = await this.#living(key);
    const { repositoryId, networkId, nameVersion } = known;
    if (known.name === name || known.name !== from) {
      const same = { name: known.name, repositoryId, networkId, version: nameVersion };
      if (request.requestId !== undefined) await steps.rename({ ...same, ...attributes(request) });
      if (known.name === name) return infoOf(known);
      throw otherwiseNamed(known);
    }
    const entry = { name, repositoryId, networkId, version: nameVersion + 1 };
    const holder = await this.#names.claim({ ...entry, atMs: clock.nowMs() });
    const by = attributes(request);
    const renamed = await this.#orSettle(holder, () => steps.rename({ ...entry, ...by }));
    if (renamed.name !== name) throw otherwiseNamed(renamed);
    await steps.confirm(entry);
    await this.#names.pay({ ...entry, name: from, version: nameVersion, moves: true });
    return infoOf(renamed);
  }

  /**
   * Deletes a repository and frees its name. It can be restored for a time.
   *
   * @throws `not-found` when there is none
   */
  async delete(key: RepositoryKey, request: DeleteRepositoryRequest = {}): Promise<void> {
    const { steps } = this.#options;
    const known = await this.#kept(key);
    const { networkId, repositoryId } = key;
    const removal = { networkId, repositoryId, ...attributes(request) };
    if (!known.deleted) return await this.#names.pay(await steps.remove(removal));
    if (request.requestId !== undefined) await steps.remove(removal);
    throw noRepository(repositoryId);
  }

  /**
   * Brings a deleted repository back, under its old name or another.
   *
   * @throws `not-found` when it is gone; `already-exists` when the name is taken; `conflict` when it
   * lives under another name
   */
  async restore(key: RepositoryKey, request: RestoreRepositoryRequest): Promise<RepositoryInfo> {
    const { steps, clock } = this.#options;
    const known = await this.#kept(key);
    const { name = known.name } = request;
    const { repositoryId, networkId, nameVersion } = known;
    if (!known.deleted) {
      const same = { name: known.name, repositoryId, networkId, version: nameVersion };
      if (request.requestId !== undefined) await steps.restore({ ...same, ...attributes(request) });
      if (known.name === name) return infoOf(known);
      throw otherwiseNamed(known);
    }
    const entry = { name, repositoryId, networkId, version: nameVersion + 1 };
    const holder = await this.#names.claim({ ...entry, atMs: clock.nowMs() });
    const by = attributes(request);
    const restored = await this.#orSettle(holder, () => steps.restore({ ...entry, ...by }));
    if (restored.deleted || restored.name !== name) throw otherwiseNamed(restored);
    await steps.confirm(entry);
    return infoOf(restored);
  }

  /**
   * Deletes a removed repository for good.
   *
   * @throws `not-found` when none was removed, or it was removed at another time
   */
  async purge(key: RepositoryKey, { deletedAtMs }: PurgeRepositoryRequest = {}): Promise<void> {
    const { repositoryId, networkId } = key;
    const removedBeforeMs = this.#options.clock.nowMs();
    const removal = deletedAtMs === undefined ? {} : { removedAtMs: deletedAtMs };
    await this.#options.steps.purge({ repositoryId, networkId, removedBeforeMs, ...removal });
  }

  /**
   * Carries sagas to their end that a crash cut short, purges repositories and frees former names whose
   * time is over by a wall time that is not ahead, as far as some partitions show.
   *
   * @returns how many were found
   */
  async repair(partitions: readonly Partition[], believedMs: number): Promise<number> {
    const { reader, clock, steps, deletedGraceMs } = this.#options;
    const debts = reader.nameDebts(partitions, REPAIR_COUNT);
    for (const debt of debts) await this.#names.pay(debt);
    const deletions = reader.unfinishedDeletions(partitions, REPAIR_COUNT);
    for (const deletion of deletions) await this.#names.finishDeletion(deletion);
    // To settle a claim too early takes nothing away: its creation is told to try again.
    const claimedBeforeMs = clock.nowMs() - NAME_CLAIM_GRACE_MS;
    const claims = reader.claimsBefore(partitions, claimedBeforeMs, REPAIR_COUNT);
    for (const claim of claims) await this.#names.settle(claim);
    const moved = reader.movedBefore(partitions, believedMs - MOVED_NAME_GRACE_MS, REPAIR_COUNT);
    for (const name of moved) await steps.release(name);
    const removedBeforeMs = believedMs - deletedGraceMs;
    const removed = reader.removedBefore(partitions, removedBeforeMs, REPAIR_COUNT);
    for (const repository of removed) await this.#purgeRemoved(repository, removedBeforeMs);
    return debts.length + deletions.length + claims.length + moved.length + removed.length;
  }

  /** What a removed repository shows of itself. */
  deleted(state: RepositoryState): DeletedRepository {
    const { removedAtMs: deletedAtMs } = state;
    assert(deletedAtMs !== undefined, "A removed repository was removed at some time");
    const purgeAtMs = deletedAtMs + this.#options.deletedGraceMs;
    return { ...infoOf(state), deletedAtMs, purgeAtMs };
  }

  async #make(
    place: Pick<RepositoryInfo, "name" | "networkId"> & Partial<RepositoryKey>,
    facts: NewRepository,
  ): Promise<RepositoryInfo> {
    const { steps, clock, random } = this.#options;
    const key = {
      repositoryId: place.repositoryId ?? newRepositoryId(random),
      networkId: place.networkId,
    };
    const holder = await this.#claimOrFind({
      ...key,
      name: place.name,
      version: 0,
      atMs: clock.nowMs(),
    });
    if ("made" in holder) return infoOf(holder.made);
    const { name, repositoryId, networkId, atMs: createdAtMs } = holder;
    const created = await this.#orSettle(
      holder,
      () => steps.create({ ...facts, name, repositoryId, networkId, createdAtMs }),
    );
    if (created.deleted) {
      throw new GitStratumError("unavailable", "Create a repository too slowly to keep its name", {
        data: { name },
      });
    }
    await steps.confirm(holder);
    return infoOf(created);
  }

  /** A claim of a name for a creation; what the same request made before, if the name is another's by now. */
  async #claimOrFind(claim: NameClaim): Promise<NameState | { readonly made: RepositoryState }> {
    try {
      return await this.#names.claim(claim);
    } catch (error) {
      if (!hasCode(error, "already-exists")) throw error;
      const made = await this.#options.steps.repository(claim);
      const hasLived = made !== undefined && (!made.deleted || made.removedAtMs !== undefined);
      if (hasLived) return { made };
      // A copy of this request that is still under way would find the name free some day.
      if (await this.#options.steps.bar(claim)) return await this.#claimOrFind(claim);
      throw error;
    }
  }

  /** Does the step that a name was claimed for; a claim that it did not use is let go. */
  async #orSettle(
    claim: NameState,
    work: () => Promise<RepositoryState>,
  ): Promise<RepositoryState> {
    try {
      const repository = await work();
      const isUsed = !repository.deleted && repository.name === claim.name;
      if (!isUsed && claim.version > 0) await this.#names.settle(claim);
      return repository;
    } catch (error) {
      if (hasCode(error, "not-found")) await this.#names.settle(claim);
      throw error;
    }
  }

  async #living(key: RepositoryKey): Promise<RepositoryState> {
    const known = await this.#options.steps.repository(key);
    if (known === undefined || known.deleted) throw noRepository(key.repositoryId);
    return known;
  }

  /** A repository that lives or can be restored. @throws `not-found` */
  async #kept(key: RepositoryKey): Promise<RepositoryState> {
    const known = await this.#options.steps.repository(key);
    const isGone = known?.deleted === true && known.removedAtMs === undefined;
    if (known === undefined || isGone) throw noRepository(key.repositoryId);
    return known;
  }

  async #purgeRemoved(repository: RepositoryKey, removedBeforeMs: number): Promise<void> {
    const { repositoryId, networkId } = repository;
    try {
      await this.#options.steps.purge({ repositoryId, networkId, removedBeforeMs });
    } catch (error) {
      // It was restored, or purged by hand, since it was found.
      if (!hasCode(error, "not-found")) throw error;
    }
  }
}

/**
 * The network of a repository that is no fork has its id: a creation that is repeated, however late,
 * comes to the partition that knows what became of the first one.
 */
function networkOf(repositoryId: RepositoryId): NetworkId {
  return repositoryId as string as NetworkId;
}

function attributes({ provenance, requestId }: Attributed<unknown>): Attributed<unknown> {
  const by = provenance === undefined ? {} : { provenance };
  return requestId === undefined ? by : { ...by, requestId };
}

function otherwiseNamed({ name, repositoryId }: RepositoryState): GitStratumError {
  return new GitStratumError("conflict", "Name a repository that has another name by now", {
    data: { repositoryId, name },
  });
}

function checkedHead(defaultBranch: string): string {
  const reason = referenceNameProblem(defaultBranch, { allowOneLevel: true });
  if (reason === undefined) return `refs/heads/${defaultBranch}`;
  throw new GitStratumError("invalid", "Reject the name of the default branch", {
    data: { name: defaultBranch.slice(0, 250), reason },
  });
}

/** What a repository shows of itself. */
export function infoOf(state: RepositoryState): RepositoryInfo {
  const { repositoryId, networkId, name, objectFormat, head, createdAtMs, settings } = state;
  const { parentId } = state;
  const info = { repositoryId, networkId, name, objectFormat, head, createdAtMs, settings };
  return parentId === undefined ? info : { ...info, parentId };
}
