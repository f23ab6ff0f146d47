/**
 * What decisions of a partition are made from.
 *
 * There are two views: the applied state, and the applied state under the records that were decided
 * since but are not appended yet. A decision can not tell them apart.
 *
 * @module
 */

import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import type {
  NetworkId,
  PushId,
  RepositoryId,
  RepositoryName,
  RepositorySettings,
  RequestId,
} from "@gitstratum/core/rpc";
import type { Rejection } from "../log/log_record.ts";

/** A repository as its network's partition knows it. */
export interface RepositoryState {
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
  readonly name: RepositoryName;
  readonly objectFormat: ObjectFormat;
  readonly head: string;
  readonly createdAtMs: number;
  readonly settings: RepositorySettings;
  /** Lsn of the last change of a reference; 0 before the first. */
  readonly refsVersion: number;
  /** Counts the names that it has had, losses included; tells an entry of the directory from later ones. */
  readonly nameVersion: number;
  /** Whether it does not live. Those stay known, so that they can not be created again. */
  readonly deleted: boolean;
  /** Wall time in milliseconds of the deletion of one that can be restored. */
  readonly removedAtMs?: number;
  /** The repository that it was forked from. */
  readonly parentId?: RepositoryId;
}

/** A name as its own partition knows it. */
export interface NameState {
  readonly name: RepositoryName;
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
  /** The repository's {@link RepositoryState.nameVersion} under this name. */
  readonly version: number;
  /** Whether the repository is known to have had the name; if not, its partition must be asked. */
  readonly confirmed: boolean;
  /** Whether the repository has another name since: whoever wants this one may take it. */
  readonly moved: boolean;
  /** Wall time of the claim, or of the move, in milliseconds. */
  readonly atMs: number;
}

/** What became of a push that changed something. */
export interface PushOutcome {
  readonly commandCount: number;
  readonly rejections: readonly Rejection[];
}

/** The references of one repository. */
export interface ReferenceView {
  /** The id of a reference by its full name. */
  get(name: string): Oid | undefined;
  /** Whether any reference's name begins with `directory` and a slash. */
  hasBelow(directory: string): boolean;
  /** Names of the references in a directory, however deep, in any order. */
  namesBelow(directory: string): Iterable<string>;
}

/** The state of a partition, as far as decisions need it. */
export interface PartitionView {
  /** A repository of this partition's networks. */
  repository(id: RepositoryId): RepositoryState | undefined;
  /** A name of this partition. */
  name(name: RepositoryName): NameState | undefined;
  /** The references of a repository; none for one that is unknown. */
  references(id: RepositoryId): ReferenceView;
  /** The outcome of an earlier push with this id. */
  pushOutcome(id: RepositoryId, pushId: PushId): PushOutcome | undefined;
  /** Whether a request changed the repository before. */
  isDone(id: RepositoryId, requestId: RequestId): boolean;
}
