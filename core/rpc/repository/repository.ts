/**
 * A repository as all clusters know it.
 *
 * @module
 */

import type { Partition } from "../../consensus/log.ts";
import type { ObjectFormat } from "../../git/oid.ts";
import type { NetworkId, RepositoryId } from "../ids.ts";
import type { RepositoryName } from "./repository_name.ts";
import type { RepositorySettings } from "./repository_settings.ts";

/** Names a repository to the metadata cluster; the network decides the partition. */
export interface RepositoryKey {
  /** The repository. */
  readonly repositoryId: RepositoryId;
  /** Its network. */
  readonly networkId: NetworkId;
}

/** A repository. */
export interface RepositoryInfo extends RepositoryKey {
  /** Full name. */
  readonly name: RepositoryName;
  /** Hash function of its objects. */
  readonly objectFormat: ObjectFormat;
  /** Full reference name that HEAD points at, e.g. `refs/heads/main`; it may be unborn. */
  readonly head: string;
  /** Wall time of creation in milliseconds. */
  readonly createdAtMs: number;
  /** What its owner set. */
  readonly settings: RepositorySettings;
  /** The repository that it was forked from, which may be gone; absent when it is no fork. */
  readonly parentId?: RepositoryId;
}

/** Which repositories to list. */
export interface RepositoryListQuery {
  /** Only those after this name. */
  readonly after?: RepositoryName;
  /**
   * With `after`, where several may have one name: also those of that name whose ids come after this,
   * which is an id or the beginning of one.
   */
  readonly afterId?: string;
  /** At most so many. */
  readonly limit: number;
  /** Only those whose networks lie in one of these partitions; all of them when absent. */
  readonly partitions?: readonly Partition[];
}
