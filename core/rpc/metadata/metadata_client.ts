/**
 * {@link Metadata} over a {@link Fetcher}.
 *
 * @module
 */

import { GitStratumError, hasCode } from "../../error.ts";
import {
  JSON_BODY_BYTES_MAX,
  KNOWN_REQUEST_BYTES_MAX,
  LISTED_LINES_BYTES_MAX,
  METADATA_REQUEST_BYTES_MAX,
} from "../../limits.ts";
import { encodeReferenceLines } from "../../protocol/reference_lines.ts";
import { decodeRecipe } from "../../recipe/recipe_decoder.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { readBodyBytes } from "../body.ts";
import type { Fetcher } from "../fetcher.ts";
import { type ClientOptions, type JsonCall, JsonClient, readAnswer } from "../json_client.ts";
import { decodeListed } from "./listed_repository.ts";
import type {
  CreateRepositoryRequest,
  DeleteRepositoryRequest,
  ListedRepository,
  LocatedObject,
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
import {
  decodeRows,
  type DeepenRequest,
  deletedPageSchema,
  emptySchema,
  locatedObjectsSchema,
  type LocateRequest,
  negotiateResultSchema,
  pushBody,
  pushResultSchema,
  repositoryInfoSchema,
  repositoryPageSchema,
  shallowBoundarySchema,
  tagDigestSchema,
} from "./metadata_wire.ts";
import { encodePushFrame, isConditional, PUSH_FRAME_TYPE } from "./push_frame.ts";
import { decodeReferences } from "./reference_stream.ts";
import {
  type DeletedRepository,
  type ForkRepositoryRequest,
  type PurgeRepositoryRequest,
  type RenameRepositoryRequest,
  type RepositoryUsage,
  repositoryUsageSchema,
  type RestoreRepositoryRequest,
} from "../repository/repository_life.ts";
import type { RepositoryName } from "../repository/repository_name.ts";

const ROOT = "/metadata/v1";

function keyPath({ networkId, repositoryId }: RepositoryKey): string {
  return `${ROOT}/networks/${networkId}/repositories/${repositoryId}`;
}

function listQuery(
  { after, afterId, limit, partitions }: RepositoryListQuery,
): URLSearchParams {
  const query = new URLSearchParams({ limit: String(limit) });
  if (after !== undefined) query.set("after", after);
  if (afterId !== undefined) query.set("afterId", afterId);
  if (partitions !== undefined) query.set("partitions", partitions.join(","));
  return query;
}

/** Answers of the metadata cluster, asked over the wire. */
export class MetadataClient implements Metadata {
  readonly #client: JsonClient;

  /** Asks the service behind `fetcher`. */
  constructor(fetcher: Fetcher, options: ClientOptions = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** {@inheritDoc Metadata.createRepository} */
  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    return this.#client.call(`${ROOT}/repositories`, {
      body: request,
      schema: repositoryInfoSchema,
    });
  }

  /** {@inheritDoc Metadata.findRepository} */
  async findRepository(
    name: RepositoryName,
    known?: RepositoryKey,
  ): Promise<RepositoryInfo | undefined> {
    // Nodes of the release before pass the query over, and ask for the name.
    const hint = known === undefined
      ? ""
      : `?network=${known.networkId}&repository=${known.repositoryId}`;
    try {
      return await this.#client.call(`${ROOT}/names/${name}${hint}`, {
        method: "GET",
        schema: repositoryInfoSchema,
      });
    } catch (error) {
      if (hasCode(error, "not-found")) return undefined;
      throw error;
    }
  }

  /** {@inheritDoc Metadata.listRepositories} */
  listRepositories(query: RepositoryListQuery): Promise<RepositoryInfo[]> {
    return this.#client.call(`${ROOT}/repositories?${listQuery(query)}`, {
      method: "GET",
      schema: repositoryPageSchema,
    });
  }

  /** {@inheritDoc Metadata.updateRepository} */
  updateRepository(key: RepositoryKey, request: UpdateRepositoryRequest): Promise<RepositoryInfo> {
    return this.#client.call(keyPath(key), {
      method: "PATCH",
      body: request,
      schema: repositoryInfoSchema,
    });
  }

  /** {@inheritDoc Metadata.deleteRepository} */
  async deleteRepository(
    key: RepositoryKey,
    request: DeleteRepositoryRequest = {},
  ): Promise<void> {
    await this.#client.call(keyPath(key), {
      method: "DELETE",
      body: request,
      schema: emptySchema,
    });
  }

  /** {@inheritDoc RepositoryLife.forkRepository} */
  forkRepository(parent: RepositoryKey, request: ForkRepositoryRequest): Promise<RepositoryInfo> {
    return this.#client.call(`${keyPath(parent)}/fork`, {
      body: request,
      schema: repositoryInfoSchema,
    });
  }

  /** {@inheritDoc RepositoryLife.renameRepository} */
  renameRepository(key: RepositoryKey, request: RenameRepositoryRequest): Promise<RepositoryInfo> {
    return this.#client.call(`${keyPath(key)}/rename`, {
      body: request,
      schema: repositoryInfoSchema,
    });
  }

  /** {@inheritDoc RepositoryLife.restoreRepository} */
  restoreRepository(
    key: RepositoryKey,
    request: RestoreRepositoryRequest,
  ): Promise<RepositoryInfo> {
    return this.#client.call(`${keyPath(key)}/restore`, {
      body: request,
      schema: repositoryInfoSchema,
    });
  }

  /** {@inheritDoc RepositoryLife.purgeRepository} */
  async purgeRepository(key: RepositoryKey, request: PurgeRepositoryRequest = {}): Promise<void> {
    await this.#client.call(`${keyPath(key)}/purge`, { body: request, schema: emptySchema });
  }

  /** {@inheritDoc RepositoryLife.listDeletedRepositories} */
  listDeletedRepositories(query: RepositoryListQuery): Promise<DeletedRepository[]> {
    return this.#client.call(`${ROOT}/deleted-repositories?${listQuery(query)}`, {
      method: "GET",
      schema: deletedPageSchema,
    });
  }

  /** {@inheritDoc RepositoryLife.repositoryUsage} */
  repositoryUsage(key: RepositoryKey): Promise<RepositoryUsage> {
    return this.#client.call(`${keyPath(key)}/usage`, {
      method: "GET",
      schema: repositoryUsageSchema,
    });
  }

  /** {@inheritDoc Metadata.listReferences} */
  async listReferences(key: RepositoryKey, query: ReferenceQuery): Promise<ReferenceListing> {
    return await decodeReferences(await this.openReferences(key, query));
  }

  /** The bytes of a listing, for {@link decodeReferences}. */
  openReferences(key: RepositoryKey, query: ReferenceQuery): Promise<ReadableStream<Uint8Array>> {
    return this.#stream(`${keyPath(key)}/references`, query);
  }

  /** {@inheritDoc Metadata.openReferenceLines} */
  async openReferenceLines(key: RepositoryKey): Promise<ReadableStream<Uint8Array>> {
    try {
      return await this.#stream(`${keyPath(key)}/reference-lines`, {});
    } catch (error) {
      // A node of the release before knows no such path.
      if (!hasCode(error, "unsupported")) throw error;
    }
    return encodeReferenceLines(await this.listReferences(key, { prefixes: [] }));
  }

  /** {@inheritDoc Metadata.findListed} */
  async findListed(name: RepositoryName): Promise<ListedRepository | undefined> {
    const repository = await this.findRepository(name);
    return repository === undefined ? undefined : { repository };
  }

  /** {@inheritDoc Metadata.listKnown} @throws `unsupported` at a node of the release before */
  async listKnown(key: RepositoryKey, name: RepositoryName): Promise<ListedRepository> {
    const path = `${keyPath(key)}/listed?name=${encodeURIComponent(name)}`;
    const response = await this.#client.send(path, { method: "GET" });
    const bytesMax = LISTED_LINES_BYTES_MAX + JSON_BODY_BYTES_MAX;
    try {
      return decodeListed(await readBodyBytes(response, { bytesMax }));
    } catch (cause) {
      // What breaks off on its way, or is too long, is no fault of the caller.
      throw new GitStratumError("unavailable", "Receive no listed repository", {
        data: { path },
        cause,
      });
    }
  }

  /** {@inheritDoc Metadata.negotiate} */
  negotiate(key: RepositoryKey, request: NegotiateRequest): Promise<NegotiateResult> {
    return this.#ask(`${keyPath(key)}/negotiate`, {
      body: request,
      schema: negotiateResultSchema,
    });
  }

  /** {@inheritDoc Metadata.tagDigest} */
  async tagDigest(key: RepositoryKey): Promise<string> {
    const path = `${keyPath(key)}/tag-digest`;
    return (await this.#client.call(path, { method: "GET", schema: tagDigestSchema })).digest;
  }

  /** {@inheritDoc Metadata.deepen} */
  deepen(key: RepositoryKey, request: DeepenRequest): Promise<ShallowBoundary> {
    return this.#ask(`${keyPath(key)}/deepen`, { body: request, schema: shallowBoundarySchema });
  }

  /** {@inheritDoc Metadata.plan} */
  async plan(key: RepositoryKey, request: PlanRequest): Promise<Recipe> {
    return await decodeRecipe(await this.openPlan(key, request));
  }

  /** The bytes of a recipe, for {@link decodeRecipe}. */
  openPlan(key: RepositoryKey, request: PlanRequest): Promise<ReadableStream<Uint8Array>> {
    return this.#stream(`${keyPath(key)}/plan`, request);
  }

  /** {@inheritDoc Metadata.locate} */
  locate(key: RepositoryKey, request: LocateRequest): Promise<LocatedObject[]> {
    return this.#ask(`${keyPath(key)}/locate`, { body: request, schema: locatedObjectsSchema });
  }

  /** {@inheritDoc Metadata.known} */
  async known(key: RepositoryKey, oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    const response = await this.#client.send(`${keyPath(key)}/known`, {
      method: "POST",
      body: oids,
      headers: { "content-type": "application/octet-stream" },
    });
    const bytes = await readBodyBytes(response, { bytesMax: KNOWN_REQUEST_BYTES_MAX });
    return decodeRows(bytes);
  }

  /** {@inheritDoc Metadata.push} */
  async push(key: RepositoryKey, request: PushRequest): Promise<PushResult> {
    if (isConditional(request)) return await this.#pushFrame(key, encodePushFrame(request));
    if (request.freshIndex !== undefined) {
      try {
        return await this.#pushFrame(key, encodePushFrame(request));
      } catch (error) {
        // A node of the release before knows no such path; it reads the index where it is stored.
        if (!hasCode(error, "unsupported")) throw error;
      }
    }
    return await this.#ask(`${keyPath(key)}/push`, {
      body: pushBody(request),
      schema: pushResultSchema,
    });
  }

  async #pushFrame(
    key: RepositoryKey,
    frame: Uint8Array<ArrayBuffer>,
  ): Promise<PushResult> {
    const path = `${keyPath(key)}/push-frame`;
    const response = await this.#client.send(path, {
      method: "POST",
      body: frame,
      headers: { "content-type": PUSH_FRAME_TYPE, "content-length": `${frame.length}` },
    });
    return await readAnswer(response, path, {
      schema: pushResultSchema,
      bytesMax: METADATA_REQUEST_BYTES_MAX,
    });
  }

  /** A question whose answer may be as long as a fetch's haves. */
  #ask<T>(path: string, call: Omit<JsonCall<T>, "bytesMax">): Promise<T> {
    return this.#client.call(path, { ...call, bytesMax: METADATA_REQUEST_BYTES_MAX });
  }

  async #stream(path: string, body: unknown): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#client.send(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    if (response.body !== null) return response.body;
    throw new GitStratumError("unavailable", "Receive an answer without a body", {
      data: { path },
    });
  }
}
