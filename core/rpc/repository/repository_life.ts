/**
 * What becomes of a repository between its creation and its end: new names, forks, deletion, return.
 *
 * A repository keeps its id under every name. Nothing here copies or removes objects at once: forks
 * share those of their network, and a deleted repository keeps its own until it is purged.
 *
 * @module
 */

import { z } from "zod";
import { checkedText } from "../checked_text.ts";
import { parseRepositoryId, parseRequestId, type RepositoryId, type RequestId } from "../ids.ts";
import type { RepositoryInfo, RepositoryKey, RepositoryListQuery } from "./repository.ts";
import { type Provenance, provenanceSchema } from "../metadata/provenance.ts";
import { parseRepositoryName, type RepositoryName } from "./repository_name.ts";
import {
  type RepositorySettingsChange,
  repositorySettingsChangeSchema,
} from "./repository_settings.ts";

/** What a fork is to be. */
export interface ForkRepositoryRequest {
  /** Full name. */
  readonly name: RepositoryName;
  /** What differs from the settings of a new repository; visibility and description are the parent's. */
  readonly settings?: RepositorySettingsChange;
  /** Drawn by a caller that may repeat the call, which then finds its first outcome. */
  readonly repositoryId?: RepositoryId;
  /** Who, how and when: kept in the log. */
  readonly provenance?: Provenance;
}

/** A new name. */
export interface RenameRepositoryRequest {
  /** The name that it has: a repeated call must not undo what came after the first. */
  readonly from: RepositoryName;
  /** The name that it shall have; with another owner, this is a transfer. */
  readonly name: RepositoryName;
  /** Drawn by a caller that may repeat the call: whichever comes first counts, for a day. */
  readonly requestId?: RequestId;
  /** Who, how and when: kept in the log. */
  readonly provenance?: Provenance;
}

/** How a repository comes back. */
export interface RestoreRepositoryRequest {
  /** Drawn by a caller that may repeat the call: whichever comes first counts, for a day. */
  readonly requestId?: RequestId;
  /** The name that it shall have; the one that it had when absent. */
  readonly name?: RepositoryName;
  /** Who, how and when: kept in the log. */
  readonly provenance?: Provenance;
}

/** Which deletion is to be made for good. */
export interface PurgeRepositoryRequest {
  /**
   * When the repository was deleted, as {@link DeletedRepository.deletedAtMs} told it: one that was
   * brought back and deleted again since stays. Absent = whenever that was.
   */
  readonly deletedAtMs?: number;
}

/** A deleted repository that can come back. */
export interface DeletedRepository extends RepositoryInfo {
  /** Wall time of its deletion in milliseconds. */
  readonly deletedAtMs: number;
  /** Wall time in milliseconds from which on it may be gone for good. */
  readonly purgeAtMs: number;
}

/** What a repository takes. */
export interface RepositoryUsage {
  /** Stored bytes of the whole network, before replication: what the repository shares with its forks. */
  readonly networkBytes: number;
  /** Those that pushes to this repository brought. The sum over a network's repositories is less than
   * {@link networkBytes} when one of them was purged. */
  readonly broughtBytes: number;
  /** Repositories of the network that are not purged. */
  readonly networkRepositoryCount: number;
  /** References, hidden ones included. */
  readonly referenceCount: number;
}

/** The life of repositories; a part of `Metadata`. Unknown repositories answer `not-found`. */
export interface RepositoryLife {
  /**
   * Makes a repository in the network of another, with the references that clients see there. Copies
   * no objects.
   *
   * @throws `already-exists` when the name is taken
   */
  forkRepository(parent: RepositoryKey, request: ForkRepositoryRequest): Promise<RepositoryInfo>;
  /**
   * Gives a repository a new name. The old one leads to it for a time, unless another takes it.
   *
   * @throws `already-exists` when the name is taken; `conflict` when it has another name by now
   */
  renameRepository(key: RepositoryKey, request: RenameRepositoryRequest): Promise<RepositoryInfo>;
  /**
   * Brings a deleted repository back.
   *
   * @throws `already-exists` when the name is taken by now; `conflict` when it is not deleted
   */
  restoreRepository(key: RepositoryKey, request: RestoreRepositoryRequest): Promise<RepositoryInfo>;
  /**
   * Removes a deleted repository for good, before its time.
   *
   * @throws `not-found` when it is not deleted, or not at the time that was said, or gone
   */
  purgeRepository(key: RepositoryKey, request?: PurgeRepositoryRequest): Promise<void>;
  /**
   * Deleted repositories in byte order of the names that they had, and of their ids where the names are
   * the same: `afterId` leads from one to the next of its name.
   */
  listDeletedRepositories(query: RepositoryListQuery): Promise<DeletedRepository[]>;
  /** What a repository takes; also of a deleted one. */
  repositoryUsage(key: RepositoryKey): Promise<RepositoryUsage>;
}

const name = checkedText(parseRepositoryName);
const provenance = provenanceSchema.optional();
const requestId = checkedText(parseRequestId).optional();

/** Schema of {@link ForkRepositoryRequest}. */
export const forkRepositorySchema: z.ZodType<ForkRepositoryRequest> = z.object({
  name,
  settings: repositorySettingsChangeSchema.optional(),
  repositoryId: checkedText(parseRepositoryId).optional(),
  provenance,
}) as unknown as z.ZodType<ForkRepositoryRequest>;

/** Schema of {@link PurgeRepositoryRequest}. */
export const purgeRepositorySchema: z.ZodType<PurgeRepositoryRequest> = z.object({
  deletedAtMs: z.int().nonnegative().exactOptional(),
});

/** Schema of {@link RenameRepositoryRequest}. */
export const renameRepositorySchema: z.ZodType<RenameRepositoryRequest> = z.object({
  from: name,
  name,
  requestId,
  provenance,
}) as unknown as z.ZodType<RenameRepositoryRequest>;

/** Schema of {@link RestoreRepositoryRequest}. */
export const restoreRepositorySchema: z.ZodType<RestoreRepositoryRequest> = z.object({
  name: name.optional(),
  requestId,
  provenance,
}) as unknown as z.ZodType<RestoreRepositoryRequest>;

const count = z.number().int().nonnegative();

/** Schema of {@link RepositoryUsage}. */
export const repositoryUsageSchema: z.ZodType<RepositoryUsage> = z.object({
  networkBytes: count,
  broughtBytes: count,
  networkRepositoryCount: count,
  referenceCount: count,
});
