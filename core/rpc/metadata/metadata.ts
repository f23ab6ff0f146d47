/**
 * The contract of the metadata cluster: repositories, references, reachability, recipes, pushes.
 *
 * Everything about one network is answered by the primary of its partition. Object bytes never pass
 * through this contract: it answers where they are.
 *
 * @module
 */

import type { Pusher } from "../../access/reference_denial.ts";
import type { ObjectFormat, Oid } from "../../git/oid.ts";
import type { ObjectFilter } from "../../git/object_filter.ts";
import type { ObjectType } from "../../git/object_type.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { PackId, PushId, RepositoryId, RequestId } from "../ids.ts";
import type { PackGroup } from "./pack_group.ts";
import type { Provenance } from "./provenance.ts";
import type {
  RepositoryInfo,
  RepositoryKey,
  RepositoryListQuery,
} from "../repository/repository.ts";
import type { RepositoryLife } from "../repository/repository_life.ts";
import type { RepositoryName } from "../repository/repository_name.ts";
import type { RepositorySettingsChange } from "../repository/repository_settings.ts";

export type {
  RepositoryInfo,
  RepositoryKey,
  RepositoryListQuery,
} from "../repository/repository.ts";

/** What a new repository is. */
export interface CreateRepositoryRequest {
  /** Full name. */
  readonly name: RepositoryName;
  /** Hash function of its objects. */
  readonly objectFormat: ObjectFormat;
  /** Branch name without `refs/heads/`. */
  readonly defaultBranch: string;
  /** What differs from the settings of a new repository. */
  readonly settings?: RepositorySettingsChange;
  /** Drawn by a caller that may repeat the call, which then finds its first outcome. */
  readonly repositoryId?: RepositoryId;
  /** Who, how and when: kept in the log. */
  readonly provenance?: Provenance;
}

/** What changes in a repository; absent members stay as they are. */
export interface UpdateRepositoryRequest {
  /** Full name of the branch that HEAD shall point at; it may be unborn. */
  readonly head?: string;
  /** Settings that change. */
  readonly settings?: RepositorySettingsChange;
  /** What `repositoryVersion` gave for the repository that this is a change of; absent = any. */
  readonly ifVersion?: string;
  /** Drawn by a caller that may repeat the call: whichever comes first counts, for a day. */
  readonly requestId?: RequestId;
  /** Who, how and when: kept in the log. */
  readonly provenance?: Provenance;
}

/** How a repository is deleted. */
export interface DeleteRepositoryRequest {
  /** Drawn by a caller that may repeat the call: whichever comes first counts, for a day. */
  readonly requestId?: RequestId;
  /** Who, how and when: kept in the log. */
  readonly provenance?: Provenance;
}

/** One reference. */
export interface Reference {
  /** Full name, e.g. `refs/heads/main`. */
  readonly name: string;
  /** What it points at. */
  readonly oid: Oid;
  /** What an annotated tag finally points at; absent on anything else. */
  readonly peeled?: Oid;
}

/** Which references to list. */
export interface ReferenceQuery {
  /** Full-name prefixes, any of which must match; empty = all. */
  readonly prefixes: readonly string[];
}

/** HEAD as a listing shows it. */
export interface HeadInfo {
  /** What HEAD points at. */
  readonly target: string;
  /** The object there; absent while the branch is unborn. */
  readonly oid?: Oid;
}

/** References at one point of the repository's history. */
export interface ReferenceListing {
  /** Always present, whatever the prefixes: the caller decides whether to show it. */
  readonly head: HeadInfo;
  /** In byte order of their names, in batches. */
  readonly references: AsyncIterable<readonly Reference[]>;
}

/** How deep history is to be cut. */
export type Depth =
  /** `depth` commits from the wants, or from the client's boundary when `relative`. */
  | { readonly kind: "commits"; readonly depth: number; readonly relative: boolean }
  /** Commits not older than a time and/or not reachable from the named references. */
  | { readonly kind: "exclude"; readonly sinceS?: number; readonly not: readonly string[] };

/** Where a history ends for a client. */
export interface ShallowBoundary {
  /** Commits whose parents the client will not have. */
  readonly shallow: readonly Oid[];
  /** Commits that stop being shallow. */
  readonly unshallow: readonly Oid[];
}

/** A question of a fetch: which haves are common, and is that enough? */
export interface NegotiateRequest {
  /** Objects the client wants, with all they reach. */
  readonly wants: readonly Oid[];
  /** Objects the client says it has. */
  readonly haves: readonly Oid[];
  /** Commits that the client holds without their parents. */
  readonly clientShallow: readonly Oid[];
}

/** The answer to a {@link NegotiateRequest}. */
export interface NegotiateResult {
  /**
   * Wants that no reference of the repository, current or recently former, reaches; references that
   * are hidden do not count unless the settings allow it.
   */
  readonly refused: readonly Oid[];
  /** The haves that the repository reaches, in the order asked. */
  readonly common: readonly Oid[];
  /** Every want reaches some common commit: more haves would not shrink the pack much. */
  readonly ready: boolean;
}

/** What a client shall get. */
export interface PlanRequest extends NegotiateRequest {
  /** How deep history is cut; whole when absent. */
  readonly depth?: Depth;
  /** What the client leaves out. */
  readonly filter?: ObjectFilter;
  /** Deltas against objects that the client has are allowed. */
  readonly thinPack: boolean;
  /** Offset deltas are allowed. */
  readonly ofsDelta: boolean;
  /** Annotated tags come along with what they point at. */
  readonly includeTag: boolean;
}

/** For which objects a look-up answers; see {@link Metadata.locate}. */
export type LocateScope = "visible" | "repository" | "network";

/** The bytes of one pack entry: header, base reference and zlib stream. */
export interface EntryLocation {
  /** The pack that holds it. */
  readonly pack: PackId;
  /** First byte within the pack. */
  readonly offset: number;
  /** Bytes of the entry. */
  readonly length: number;
  /** How the pack is cut into extents. */
  readonly extentBytes: number;
}

/** Where an object is, and how to rebuild it. */
export interface LocatedObject {
  /** The object asked for. */
  readonly oid: Oid;
  /** What it is. */
  readonly type: ObjectType;
  /** Inflated size in bytes. */
  readonly size: number;
  /** The object's own entry first, then each delta base in turn; the last is not a delta. */
  readonly chain: readonly EntryLocation[];
}

/** One reference update; a zero id stands for "absent". */
export interface ReferenceCommand {
  /** Full name, e.g. `refs/heads/main`. */
  readonly name: string;
  /** Value the client believes the reference has. */
  readonly oldOid: Oid;
  /** Value it shall have. */
  readonly newOid: Oid;
}

/** The index of a group whose extents were stored a moment ago: nobody has to ask for either. */
export interface FreshIndex {
  /** The whole index; at most `FRESH_INDEX_BYTES_MAX` bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Wall time before the first extent of the group was written, in milliseconds. */
  readonly storedAfterMs: number;
}

/** What a repository was when somebody judged a push to it. */
export interface JudgedRepository {
  /** Its name. */
  readonly name: RepositoryName;
  /** What `repositoryVersion` gave for it. */
  readonly version: string;
}

/** A push whose objects are durable already. */
export interface PushRequest {
  /** Key that makes a repeated call find the first outcome. */
  readonly pushId: PushId;
  /** Updates, in the order of the push. */
  readonly commands: readonly ReferenceCommand[];
  /** All or none. */
  readonly atomic: boolean;
  /** The objects, unless the push only deletes or moves references. */
  readonly group?: PackGroup;
  /** Spares the primary two questions to the object cluster; only with a group. */
  readonly freshIndex?: FreshIndex;
  /** What `git push -o` gave, in order. */
  readonly pushOptions: readonly string[];
  /** Who, how and when. */
  readonly provenance: Provenance;
  /** Whom rules for references judge; absent = somebody who may write and is nobody in particular. */
  readonly pusher?: Pusher;
  /** What is known of the signatures of commits: see {@link PushResult.unchecked}. */
  readonly signatures?: CheckedSignatures;
  /**
   * What the repository was by which the push was judged, where that was not looked up for this push:
   * see {@link PushResult.outdated}.
   */
  readonly judged?: JudgedRepository;
  /** Nobody has asked what the network has of the group: see {@link PushResult.known}. */
  readonly uncompared?: true;
}

/** Commits whose signatures were checked. */
export interface CheckedSignatures {
  /** Signed with the key of a user. */
  readonly good: readonly Oid[];
  /** Not signed, or by nobody who is known. */
  readonly bad: readonly Oid[];
}

/** What became of one command. */
export interface CommandResult {
  /** Full name. */
  readonly name: string;
  /** Undefined when the update was made, else the reason for people, as `ng` shows it. */
  readonly rejected?: string;
}

/** What became of a push. Durable when it is returned. */
export interface PushResult {
  /** One for each command, in the order of the push. */
  readonly results: readonly CommandResult[];
  /**
   * Nothing was decided, and there are no results: rules ask for the signatures of these commits, and
   * may ask for more. Call again with the same id and what is known of all that were checked.
   */
  readonly unchecked?: readonly LocatedObject[];
  /**
   * Nothing was decided, and there are no results: the network stores objects under these ids of the
   * group. Call again without {@link PushRequest.uncompared} when they are found to be the same ones.
   */
  readonly known?: readonly Oid[];
  /**
   * Nothing was decided, and there are no results: the repository is not what the push was judged by.
   * Look it up, judge the push by what it is, and call again without {@link PushRequest.judged}.
   */
  readonly outdated?: true;
}

/** A repository and, if they are few and at hand, its references as receive-pack lists them. */
export interface ListedRepository {
  /** What it is. */
  readonly repository: RepositoryInfo;
  /** What {@link Metadata.openReferenceLines} would give; absent = ask for them. */
  readonly lines?: Uint8Array<ArrayBuffer>;
}

/** The metadata cluster. Unknown repositories answer `not-found` everywhere. */
export interface Metadata extends RepositoryLife {
  /**
   * Makes an empty repository.
   *
   * @throws `already-exists`, `invalid`
   */
  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo>;
  /**
   * Looks a name up; undefined when there is none. A repository that was renamed is found by its old
   * name, too, until that is taken or a time is over: it then shows another name than was asked for.
   *
   * @param known what the name led to once; where it still does, that repository alone is asked
   */
  findRepository(name: RepositoryName, known?: RepositoryKey): Promise<RepositoryInfo | undefined>;
  /** Repositories in byte order of their names. */
  listRepositories(query: RepositoryListQuery): Promise<RepositoryInfo[]>;
  /**
   * Changes HEAD, settings, or both in one step; durable when it returns.
   *
   * @throws `invalid` when HEAD would not point at a branch
   */
  updateRepository(key: RepositoryKey, request: UpdateRepositoryRequest): Promise<RepositoryInfo>;
  /**
   * Deletes a repository. Its name is free at once; it can be restored for a time, then its objects go
   * unless forks need them.
   */
  deleteRepository(key: RepositoryKey, request?: DeleteRepositoryRequest): Promise<void>;
  /** References and HEAD, from one state of the repository. Hidden references are left out. */
  listReferences(key: RepositoryKey, query: ReferenceQuery): Promise<ReferenceListing>;
  /**
   * The same references as receive-pack lists them, in pkt-lines for `advertiseReferenceLines`: what
   * every push begins with, and cheap however many there are.
   */
  openReferenceLines(key: RepositoryKey): Promise<ReadableStream<Uint8Array>>;
  /**
   * What {@link Metadata.findRepository} finds, and what a push asks for next where that costs nothing
   * more.
   */
  findListed(name: RepositoryName): Promise<ListedRepository | undefined>;
  /**
   * The same of a repository that a name led to once.
   *
   * @throws `not-found` unless it lives under that name
   */
  listKnown(key: RepositoryKey, name: RepositoryName): Promise<ListedRepository>;
  /** One step of a negotiation. */
  negotiate(key: RepositoryKey, request: NegotiateRequest): Promise<NegotiateResult>;
  /**
   * A digest of the tags that packs of this repository may carry along: a pack made for one digest
   * serves all who ask for the same while the digest is the same.
   */
  tagDigest(key: RepositoryKey): Promise<string>;
  /**
   * Where history would end for a client that asks for a depth.
   *
   * @throws `denied` when a want is not reachable
   */
  deepen(
    key: RepositoryKey,
    request: {
      readonly wants: readonly Oid[];
      readonly clientShallow: readonly Oid[];
      readonly depth: Depth;
    },
  ): Promise<ShallowBoundary>;
  /**
   * Makes the recipe of a pack. Haves that are not common are ignored.
   *
   * @throws `denied` when a want is not reachable
   */
  plan(key: RepositoryKey, request: PlanRequest): Promise<Recipe>;
  /**
   * Where objects are; unknown ones are missing from the answer. Scope `visible` answers only for what
   * a client may want, as {@link negotiate} does; `repository` for what the repository's references
   * reach, hidden ones included; `network` is for collision checks, whose outcome never tells a client
   * anything.
   */
  locate(
    key: RepositoryKey,
    request: { readonly oids: readonly Oid[]; readonly scope: LocateScope },
  ): Promise<LocatedObject[]>;
  /**
   * Which of many ids the network stores already: rows of 20 or 32 bytes in, row numbers out.
   */
  known(key: RepositoryKey, oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array>;
  /**
   * Checks connectivity and reference rules, then commits the push with one log append. Calling again
   * with the same push id answers the first outcome.
   *
   * @throws `unavailable` when the outcome is unknown: ask again with the same id
   * @throws `unsupported` when the push is `judged` or `uncompared` and the node is of a release that
   *   knows neither: nothing was done, ask again with a push that is neither
   */
  push(key: RepositoryKey, request: PushRequest): Promise<PushResult>;
}
