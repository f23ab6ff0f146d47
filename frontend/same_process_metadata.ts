/**
 * The metadata of a node that lives in this very process: what is only read is asked of the node
 * itself, everything that changes something goes through the node's service like in a cluster.
 *
 * A clone asks five questions and a push one or two, each short. A request, a response, JSON and its
 * validation at both ends cost more than most answers do, and between two parts of one process no other
 * shape can arrive. What clients can make long is bounded where it is received. Changes keep the
 * service's checks, because what they carry stays.
 *
 * What holds for an answer holds here as well: the node looks at its claim on the partition behind each
 * reading, whoever asked.
 *
 * @module
 */

import type {
  CreateRepositoryRequest,
  DeletedRepository,
  DeleteRepositoryRequest,
  Depth,
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
import type { Oid } from "@gitstratum/core/git";
import type { Recipe } from "@gitstratum/core/recipe";

/** What is asked of the node itself. */
export type ReadMetadata = Pick<
  Metadata,
  | "findRepository"
  | "listReferences"
  | "openReferenceLines"
  | "findListed"
  | "listKnown"
  | "negotiate"
  | "tagDigest"
  | "deepen"
  | "plan"
  | "locate"
  | "known"
>;

/** A {@link Metadata} that reads past the service of another one. */
export class SameProcessMetadata implements Metadata {
  readonly #node: ReadMetadata;
  readonly #service: Metadata;

  /** Puts the two together: where to read, and the client of the service for everything else. */
  constructor(node: ReadMetadata, service: Metadata) {
    this.#node = node;
    this.#service = service;
  }

  /** {@inheritDoc Metadata.findRepository} */
  findRepository(name: RepositoryName, known?: RepositoryKey): Promise<RepositoryInfo | undefined> {
    return this.#node.findRepository(name, known);
  }

  /** {@inheritDoc Metadata.listReferences} */
  listReferences(key: RepositoryKey, query: ReferenceQuery): Promise<ReferenceListing> {
    return this.#node.listReferences(key, query);
  }

  /** {@inheritDoc Metadata.openReferenceLines} */
  openReferenceLines(key: RepositoryKey): Promise<ReadableStream<Uint8Array>> {
    return this.#node.openReferenceLines(key);
  }

  /** {@inheritDoc Metadata.findListed} */
  findListed(name: RepositoryName): Promise<ListedRepository | undefined> {
    return this.#node.findListed(name);
  }

  /** {@inheritDoc Metadata.listKnown} */
  listKnown(key: RepositoryKey, name: RepositoryName): Promise<ListedRepository> {
    return this.#node.listKnown(key, name);
  }

  /** {@inheritDoc Metadata.negotiate} */
  negotiate(key: RepositoryKey, request: NegotiateRequest): Promise<NegotiateResult> {
    return this.#node.negotiate(key, request);
  }

  /** {@inheritDoc Metadata.tagDigest} */
  tagDigest(key: RepositoryKey): Promise<string> {
    return this.#node.tagDigest(key);
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
    return this.#node.deepen(key, request);
  }

  /** {@inheritDoc Metadata.plan} */
  plan(key: RepositoryKey, request: PlanRequest): Promise<Recipe> {
    return this.#node.plan(key, request);
  }

  /** {@inheritDoc Metadata.locate} */
  locate(
    key: RepositoryKey,
    request: { readonly oids: readonly Oid[]; readonly scope: LocateScope },
  ): Promise<LocatedObject[]> {
    return this.#node.locate(key, request);
  }

  /** {@inheritDoc Metadata.known} */
  known(key: RepositoryKey, oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    return this.#node.known(key, oids);
  }

  /** {@inheritDoc Metadata.listRepositories} */
  listRepositories(query: RepositoryListQuery): Promise<RepositoryInfo[]> {
    return this.#service.listRepositories(query);
  }

  /** {@inheritDoc RepositoryLife.listDeletedRepositories} */
  listDeletedRepositories(query: RepositoryListQuery): Promise<DeletedRepository[]> {
    return this.#service.listDeletedRepositories(query);
  }

  /** {@inheritDoc RepositoryLife.repositoryUsage} */
  repositoryUsage(key: RepositoryKey): Promise<RepositoryUsage> {
    return this.#service.repositoryUsage(key);
  }

  /** {@inheritDoc Metadata.createRepository} */
  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    return this.#service.createRepository(request);
  }

  /** {@inheritDoc Metadata.updateRepository} */
  updateRepository(key: RepositoryKey, request: UpdateRepositoryRequest): Promise<RepositoryInfo> {
    return this.#service.updateRepository(key, request);
  }

  /** {@inheritDoc Metadata.deleteRepository} */
  deleteRepository(key: RepositoryKey, request?: DeleteRepositoryRequest): Promise<void> {
    return this.#service.deleteRepository(key, request);
  }

  /** {@inheritDoc RepositoryLife.forkRepository} */
  forkRepository(parent: RepositoryKey, request: ForkRepositoryRequest): Promise<RepositoryInfo> {
    return this.#service.forkRepository(parent, request);
  }

  /** {@inheritDoc RepositoryLife.renameRepository} */
  renameRepository(key: RepositoryKey, request: RenameRepositoryRequest): Promise<RepositoryInfo> {
    return this.#service.renameRepository(key, request);
  }

  /** {@inheritDoc RepositoryLife.restoreRepository} */
  restoreRepository(
    key: RepositoryKey,
    request: RestoreRepositoryRequest,
  ): Promise<RepositoryInfo> {
    return this.#service.restoreRepository(key, request);
  }

  /** {@inheritDoc RepositoryLife.purgeRepository} */
  purgeRepository(key: RepositoryKey, request?: PurgeRepositoryRequest): Promise<void> {
    return this.#service.purgeRepository(key, request);
  }

  /** {@inheritDoc Metadata.push} */
  push(key: RepositoryKey, request: PushRequest): Promise<PushResult> {
    return this.#service.push(key, request);
  }
}
