/**
 * The steps of the directory's sagas: what one partition can do by itself.
 *
 * A name lies in one partition and its repository in another, which other nodes may serve, so each step
 * is one question or one append, and recognises itself when it is repeated.
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
} from "@gitstratum/core/rpc";
import type { NameState, RepositoryState } from "./partition_view.ts";

/** A name and who holds it, or did. */
export interface NameHolder {
  readonly name: RepositoryName;
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
}

/** A name to be taken. */
export interface NameClaim extends NameHolder {
  /** Wall time in milliseconds. */
  readonly atMs: number;
}

/** What was asked for by somebody, and by whom. */
export type Attributed<T> = T & { readonly provenance?: Provenance };

/** What sagas are made of. All throw `unavailable` when the outcome is unknown. */
export interface DirectorySteps {
  /** The state of a name, in its partition. */
  name(name: RepositoryName): Promise<NameState | undefined>;
  /** Takes a name if it is free; answers who has it then. */
  claim(claim: NameClaim): Promise<NameState>;
  /** Notes that the holder's repository exists; nothing when another one has the name. */
  confirm(holder: NameHolder): Promise<void>;
  /** Frees a name; nothing when another one has it. */
  release(holder: NameHolder): Promise<void>;
  /** A repository, in its network's partition; a deleted one too. */
  repository(key: RepositoryKey): Promise<RepositoryState | undefined>;
  /**
   * Makes a repository whose name is claimed.
   *
   * @returns the repository, deleted if its id was barred meanwhile
   */
  create(info: Attributed<RepositoryInfo>): Promise<RepositoryState>;
  /**
   * Deletes a repository; a deleted one stays so.
   *
   * @throws `not-found` when there never was one
   */
  delete(key: Attributed<RepositoryKey>): Promise<NameHolder>;
  /** Bars a repository from being created, unless it exists; answers whether it lives. */
  bar(claim: NameClaim): Promise<boolean>;
  /** Notes that a deleted repository's name is free. */
  finish(key: RepositoryKey): Promise<void>;
}
