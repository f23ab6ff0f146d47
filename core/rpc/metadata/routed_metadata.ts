/**
 * The metadata cluster as one {@link Metadata}: each call goes to the primary of its partition.
 *
 * What belongs to a network goes to the network's partition, what belongs to a name to the name's: but
 * for a name that was looked up before, to the network that it led to, whose primary knows whether it
 * still does. A listing asks every primary for its own partitions and merges the answers.
 *
 * Every call may be made several times (see {@link PartitionRouter}): a push and any other change carry
 * an id, a creation that of the repository to be, and a deletion that finds nothing at its second attempt
 * was done by its first.
 *
 * @module
 */

import type { Oid } from "../../git/oid.ts";
import { hasCode } from "../../error.ts";
import { REPOSITORY_PAGE_COUNT_MAX } from "../../limits.ts";
import type { Random } from "../../random.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { decodeRecipe } from "../../recipe/recipe_decoder.ts";
import { partitionOf } from "../../ring/partition.ts";
import { newRepositoryId, newRequestId, type RequestId } from "../ids.ts";
import { releaseLevelOf, REPETITION_LEVEL } from "../topology/release_level.ts";
import type {
  CreateRepositoryRequest,
  DeleteRepositoryRequest,
  Depth,
  ListedRepository,
  LocatedObject,
  LocateScope,
  Metadata,
  NegotiateRequest,
  NegotiateResult,
  PlanRequest,
  PushRequest,
  PushResult,
  ReferenceListing,
  ReferenceQuery,
  RepositoryInfo,
  RepositoryKey,
  RepositoryListQuery,
  ShallowBoundary,
  UpdateRepositoryRequest,
} from "./metadata.ts";
import { KnownNames } from "./known_names.ts";
import { MetadataClient } from "./metadata_client.ts";
import {
  PartitionRouter,
  type PartitionRouterOptions,
  type RouteTarget,
} from "./partition_router.ts";
import { callPrimaries } from "./primaries.ts";
import { decodeReferences } from "./reference_stream.ts";
import type {
  DeletedRepository,
  ForkRepositoryRequest,
  PurgeRepositoryRequest,
  RenameRepositoryRequest,
  RepositoryUsage,
  RestoreRepositoryRequest,
} from "../repository/repository_life.ts";
import type { RepositoryName } from "../repository/repository_name.ts";
import { routedStream } from "./routed_stream.ts";

/** {@link Metadata} over all nodes of the cluster. */
export class RoutedMetadata implements Metadata {
  readonly #router: PartitionRouter;
  readonly #random: Random;
  readonly #topology: PartitionRouterOptions["topology"];
  readonly #names = new KnownNames();

  /** Makes a client of the cluster that a topology describes; nothing is sent yet. */
  constructor(options: PartitionRouterOptions) {
    this.#router = new PartitionRouter(options);
    this.#random = options.random;
    this.#topology = options.topology;
  }

  /** {@inheritDoc Metadata.createRepository} */
  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    const repeatable = { repositoryId: newRepositoryId(this.#random), ...request };
    return this.#router.call(
      partitionOf(request.name),
      (target) => clientOf(target).createRepository(repeatable),
    );
  }

  /** {@inheritDoc Metadata.findRepository} */
  async findRepository(
    name: RepositoryName,
    known: RepositoryKey | undefined = this.#names.get(name),
  ): Promise<RepositoryInfo | undefined> {
    const found = await this.#router.call(
      partitionOf(known?.networkId ?? name),
      (target) => clientOf(target).findRepository(name, known),
    );
    this.#names.note(name, found);
    return found;
  }

  /** {@inheritDoc Metadata.listRepositories} At most `REPOSITORY_PAGE_COUNT_MAX` at once. */
  listRepositories(query: RepositoryListQuery): Promise<RepositoryInfo[]> {
    return this.#list(query, (client, part) => client.listRepositories(part));
  }

  /** {@inheritDoc Metadata.updateRepository} */
  updateRepository(key: RepositoryKey, request: UpdateRepositoryRequest): Promise<RepositoryInfo> {
    const sent = this.#repeatable(request);
    return this.#ask(key, (metadata) => metadata.updateRepository(key, sent));
  }

  /** {@inheritDoc Metadata.deleteRepository} */
  deleteRepository(key: RepositoryKey, request: DeleteRepositoryRequest = {}): Promise<void> {
    const sent = this.#repeatable(request);
    return this.#remove(key, (client) => client.deleteRepository(key, sent));
  }

  /** {@inheritDoc RepositoryLife.forkRepository} */
  forkRepository(parent: RepositoryKey, request: ForkRepositoryRequest): Promise<RepositoryInfo> {
    const repeatable = { repositoryId: newRepositoryId(this.#random), ...request };
    return this.#ask(parent, (metadata) => metadata.forkRepository(parent, repeatable));
  }

  /** {@inheritDoc RepositoryLife.renameRepository} */
  renameRepository(key: RepositoryKey, request: RenameRepositoryRequest): Promise<RepositoryInfo> {
    const sent = this.#repeatable(request);
    return this.#ask(key, (metadata) => metadata.renameRepository(key, sent));
  }

  /** {@inheritDoc RepositoryLife.restoreRepository} */
  restoreRepository(
    key: RepositoryKey,
    request: RestoreRepositoryRequest,
  ): Promise<RepositoryInfo> {
    const sent = this.#repeatable(request);
    return this.#ask(key, (metadata) => metadata.restoreRepository(key, sent));
  }

  /** {@inheritDoc RepositoryLife.purgeRepository} */
  purgeRepository(key: RepositoryKey, request: PurgeRepositoryRequest = {}): Promise<void> {
    const sent = this.#showsRepetitions ? request : {};
    return this.#remove(key, (client) => client.purgeRepository(key, sent), isGone);
  }

  /** {@inheritDoc RepositoryLife.listDeletedRepositories} */
  listDeletedRepositories(query: RepositoryListQuery): Promise<DeletedRepository[]> {
    return this.#list(query, (client, part) => client.listDeletedRepositories(part));
  }

  /** {@inheritDoc RepositoryLife.repositoryUsage} */
  repositoryUsage(key: RepositoryKey): Promise<RepositoryUsage> {
    return this.#ask(key, (metadata) => metadata.repositoryUsage(key));
  }

  /** {@inheritDoc Metadata.listReferences} */
  listReferences(key: RepositoryKey, query: ReferenceQuery): Promise<ReferenceListing> {
    return this.#stream(key, (client) => client.openReferences(key, query)).then(decodeReferences);
  }

  /** {@inheritDoc Metadata.openReferenceLines} */
  openReferenceLines(key: RepositoryKey): Promise<ReadableStream<Uint8Array>> {
    return this.#stream(key, (client) => client.openReferenceLines(key));
  }

  /** {@inheritDoc Metadata.findListed} */
  async findListed(name: RepositoryName): Promise<ListedRepository | undefined> {
    const known = this.#names.get(name);
    if (known !== undefined) {
      try {
        return await this.listKnown(known, name);
      } catch (error) {
        // The name leads elsewhere, or the node is of the release before: there was nothing to save.
        if (!hasCode(error, "not-found") && !hasCode(error, "unsupported")) throw error;
      }
    }
    const repository = await this.findRepository(name);
    return repository === undefined ? undefined : { repository };
  }

  /** {@inheritDoc Metadata.listKnown} */
  listKnown(key: RepositoryKey, name: RepositoryName): Promise<ListedRepository> {
    return this.#ask(key, (metadata) => metadata.listKnown(key, name));
  }

  /** {@inheritDoc Metadata.negotiate} */
  negotiate(key: RepositoryKey, request: NegotiateRequest): Promise<NegotiateResult> {
    return this.#ask(key, (metadata) => metadata.negotiate(key, request));
  }

  /** {@inheritDoc Metadata.tagDigest} */
  tagDigest(key: RepositoryKey): Promise<string> {
    return this.#ask(key, (metadata) => metadata.tagDigest(key));
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
    return this.#ask(key, (metadata) => metadata.deepen(key, request));
  }

  /** {@inheritDoc Metadata.plan} */
  plan(key: RepositoryKey, request: PlanRequest): Promise<Recipe> {
    return this.#stream(key, (client) => client.openPlan(key, request)).then(decodeRecipe);
  }

  /** {@inheritDoc Metadata.locate} */
  locate(
    key: RepositoryKey,
    request: { readonly oids: readonly Oid[]; readonly scope: LocateScope },
  ): Promise<LocatedObject[]> {
    return this.#ask(key, (metadata) => metadata.locate(key, request));
  }

  /** {@inheritDoc Metadata.known} */
  known(key: RepositoryKey, oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    return this.#ask(key, (metadata) => metadata.known(key, oids));
  }

  /** {@inheritDoc Metadata.push} */
  push(key: RepositoryKey, request: PushRequest): Promise<PushResult> {
    return this.#ask(key, (metadata) => metadata.push(key, request));
  }

  /** A request whose attempts, however late they arrive, change something once. */
  #repeatable<T extends { readonly requestId?: RequestId }>(request: T): T {
    return this.#showsRepetitions ? { requestId: newRequestId(this.#random), ...request } : request;
  }

  /** Whether all nodes know what shows them that a request is repeated. */
  get #showsRepetitions(): boolean {
    return releaseLevelOf(this.#topology.current()) >= REPETITION_LEVEL;
  }

  /** Takes something away that may be gone at a second attempt. */
  #remove(
    key: RepositoryKey,
    work: (client: MetadataClient) => Promise<void>,
    isDone: (client: MetadataClient, key: RepositoryKey) => Promise<boolean> = () =>
      Promise.resolve(true),
  ): Promise<void> {
    return this.#router.call(partitionOf(key.networkId), async (target) => {
      const client = clientOf(target);
      try {
        await work(client);
      } catch (error) {
        // Ids are never used again, so only an earlier attempt can have removed what was there.
        const mayBeDone = target.attempt > 1 && hasCode(error, "not-found");
        if (!mayBeDone || !await isDone(client, key)) throw error;
      }
    });
  }

  /** Asks every primary for its part of a listing and merges the answers. */
  async #list<T extends RepositoryInfo>(
    query: RepositoryListQuery,
    ask: (client: MetadataClient, query: RepositoryListQuery) => Promise<T[]>,
  ): Promise<T[]> {
    const limit = Math.min(query.limit, REPOSITORY_PAGE_COUNT_MAX);
    const pages = await callPrimaries(
      this.#router,
      query.partitions,
      (target, partitions) => ask(clientOf(target), { ...query, limit, partitions }),
    );
    return pages.flat().sort(byPlace).slice(0, limit);
  }

  #ask<T>(key: RepositoryKey, work: (metadata: Metadata) => Promise<T>): Promise<T> {
    return this.#router.call(partitionOf(key.networkId), (target) => work(clientOf(target)));
  }

  #stream(
    key: RepositoryKey,
    open: (client: MetadataClient) => Promise<ReadableStream<Uint8Array>>,
  ): Promise<ReadableStream<Uint8Array>> {
    return routedStream(
      this.#router,
      partitionOf(key.networkId),
      (target) => open(clientOf(target)),
    );
  }
}

/** The order of listings: by name, and by id where names are the same. */
function byPlace(a: RepositoryInfo, b: RepositoryInfo): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.repositoryId < b.repositoryId ? -1 : 1;
}

function clientOf({ fetcher, ...options }: RouteTarget): MetadataClient {
  return new MetadataClient(fetcher, options);
}

/** Whether a repository neither lives nor can be restored: what is not deleted can not be purged. */
async function isGone(client: MetadataClient, key: RepositoryKey): Promise<boolean> {
  try {
    await client.repositoryUsage(key);
    return false;
  } catch (error) {
    if (!hasCode(error, "not-found")) throw error;
    return true;
  }
}
