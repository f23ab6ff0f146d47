/**
 * The steps of the directory's sagas: what one partition can do by itself.
 *
 * A name lies in one partition and its repository in another, which other nodes may serve, so each step
 * is one question or one append, and recognises itself when it is repeated.
 *
 * A repository counts its names, losses included, and an entry of the directory has the number that
 * the repository has under it. What is said of an entry holds for it and for older ones of the same
 * repository, so a step that comes late does not touch what came after it.
 *
 * @module
 */

import type {
  NetworkId,
  Provenance,
  RepositoryId,
  RepositoryInfo,
  RepositoryKey,
  RepositoryName,
  RequestId,
} from "@gitstratum/core/rpc";
import type { NameState, RepositoryState } from "../partition/partition_view.ts";

/** A name and who holds it, or did. */
export interface NameEntry {
  readonly name: RepositoryName;
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
  /** The repository's name version under this name. */
  readonly version: number;
}

/** A name to be taken. */
export interface NameClaim extends NameEntry {
  /** Wall time in milliseconds. */
  readonly atMs: number;
}

/** A name that a repository had, of which the directory is to be told. */
export interface NameDebt extends NameEntry {
  /** Whether it shall lead to the repository from now on; else it shall be free. */
  readonly moves: boolean;
}

/** A name that a repository is to get; its claim has this version. */
export interface NewName extends RepositoryKey {
  readonly name: RepositoryName;
  readonly version: number;
}

/** What was asked for by somebody: by whom, and by which request, whose repetitions do nothing. */
export type Attributed<T> = T & {
  readonly provenance?: Provenance;
  readonly requestId?: RequestId;
};

/** A removal that is to be made for good. */
export interface Removal extends RepositoryKey {
  /** One that came later is another; where {@link removedAtMs} is not told. */
  readonly removedBeforeMs: number;
  /** When it was, as the repository says; absent = some time. */
  readonly removedAtMs?: number;
}

/** What sagas are made of. All throw `unavailable` when the outcome is unknown. */
export interface DirectorySteps {
  /** The state of a name, in its partition. */
  name(name: RepositoryName): Promise<NameState | undefined>;
  /** Takes a name if it is free, or if its holder has moved; answers who has it then. */
  claim(claim: NameClaim): Promise<NameState>;
  /** Notes that the holder has the name; nothing when another entry is there. */
  confirm(entry: NameEntry): Promise<void>;
  /** Frees a name; nothing when another repository or a later entry has it. */
  release(entry: NameEntry): Promise<void>;
  /** Lets a name lead to a repository that has another one; nothing when a later entry is there. */
  move(entry: NameClaim): Promise<void>;
  /** A repository, in its network's partition; a deleted one too. */
  repository(key: RepositoryKey): Promise<RepositoryState | undefined>;
  /**
   * Makes a repository whose name is claimed.
   *
   * @returns the repository, deleted if its id was barred meanwhile
   * @throws `not-found` when it is to be a fork of what is not there
   */
  create(info: Attributed<RepositoryInfo>): Promise<RepositoryState>;
  /**
   * Gives a living repository a claimed name, unless the claim is out of date or the request was carried
   * out before.
   *
   * @returns the repository as it is then
   * @throws `not-found`
   */
  rename(request: Attributed<NewName>): Promise<RepositoryState>;
  /**
   * Removes a repository so that it can be restored; a removed one stays so.
   *
   * @returns the name that it had
   * @throws `not-found` when there is none, or when the request removed it before it was restored
   */
  remove(key: Attributed<RepositoryKey>): Promise<NameDebt>;
  /**
   * Brings a removed repository back under a claimed name, unless the claim is out of date or the
   * request was carried out before.
   *
   * @returns the repository as it is then
   * @throws `not-found` when it is gone
   */
  restore(request: Attributed<NewName>): Promise<RepositoryState>;
  /**
   * Deletes a removed repository for good.
   *
   * @throws `not-found` when none was removed, or it was restored since
   */
  purge(removal: Removal): Promise<void>;
  /**
   * Sees to it that a claim which no repository has used yet is never used.
   *
   * @returns whether it was used before, and the repository lives under it
   */
  bar(claim: NameClaim): Promise<boolean>;
  /** Notes that the directory knows what became of a name. */
  settle(debt: NameEntry): Promise<void>;
  /** Notes that a deleted repository's name is free. */
  finish(key: RepositoryKey): Promise<void>;
}
