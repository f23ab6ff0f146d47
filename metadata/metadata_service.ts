/**
 * The metadata contract over HTTP: what `MetadataClient` asks.
 *
 * Bodies are validated and bounded here; what is behind may trust them.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import type { z } from "zod";
import {
  KNOWN_REQUEST_BYTES_MAX,
  type Logger,
  METADATA_PUSH_BYTES_MAX,
  METADATA_REQUEST_BYTES_MAX,
  REPOSITORY_PAGE_COUNT_MAX,
} from "@gitstratum/core";
import { GitStratumError } from "@gitstratum/core";
import { encodeRecipe } from "@gitstratum/core/recipe";
import {
  type AuditTrail,
  createRepositorySchema,
  decodePushFrame,
  deepenRequestSchema,
  deleteRepositorySchema,
  encodeListed,
  encodeReferences,
  encodeRows,
  errorResponse,
  forkRepositorySchema,
  locateRequestSchema,
  type Metadata,
  METADATA_AUDIT_PATH,
  negotiateRequestSchema,
  parseNetworkId,
  parsePartitions,
  parseRepositoryId,
  parseRepositoryName,
  planRequestSchema,
  purgeRepositorySchema,
  pushRequestSchema,
  readBodyBytes,
  readJson,
  referenceQuerySchema,
  renameRepositorySchema,
  type RepositoryKey,
  type RepositoryListQuery,
  restoreRepositorySchema,
  type Service,
  updateRepositorySchema,
  type WebhookDeliveries,
} from "@gitstratum/core/rpc";
import { answerAudit } from "./audit/audit_service.ts";
import { deliveryRoutes } from "./webhooks/delivery_service.ts";

const REPOSITORY = "/metadata/v1/networks/:network/repositories/:repository";

/** A {@link Metadata} as a service. */
export class MetadataService implements Service {
  readonly #metadata: Metadata;
  readonly #app = new Hono();

  /** Serves `metadata` and its audit trail, and `internal` to other nodes. */
  constructor(
    metadata: Metadata,
    parts: {
      readonly logger: Logger;
      readonly internal: Service;
      readonly audit: AuditTrail;
      readonly deliveries: WebhookDeliveries;
    },
  ) {
    const { logger, internal, audit, deliveries } = parts;
    this.#metadata = metadata;
    this.#app.onError((error) =>
      errorResponse(error, {
        onUnexpected: (cause) =>
          logger.error("Fail a metadata request", {
            ...(cause instanceof Error ? { error: cause } : { reason: String(cause) }),
          }),
      })
    );
    this.#app.notFound(({ req }) =>
      errorResponse(
        new GitStratumError("unsupported", "Ask for an unknown path", {
          data: { method: req.method, path: req.path.slice(0, 200) },
        }),
      )
    );
    this.#app.post(METADATA_AUDIT_PATH, ({ req }) => answerAudit(audit, req.raw));
    this.#app.route("/", deliveryRoutes(deliveries));
    this.#app.post("/metadata/v1/internal/*", ({ req }) => internal.fetch(req.raw));
    this.#addDirectory();
    this.#addQuestions();
    this.#addStreams();
  }

  /** {@inheritDoc Service.fetch} */
  fetch(request: Request): Promise<Response> {
    return Promise.resolve(this.#app.fetch(request));
  }

  #addDirectory(): void {
    const metadata = this.#metadata;
    this.#app.post("/metadata/v1/repositories", async (context) => {
      const request = await readJson(context.req.raw, createRepositorySchema);
      return Response.json(await metadata.createRepository(request));
    });
    this.#app.get("/metadata/v1/repositories", async (context) => {
      return Response.json(await metadata.listRepositories(listQuery(context)));
    });
    this.#app.get("/metadata/v1/names/:owner/:name", async ({ req }) => {
      const name = parseRepositoryName(`${req.param("owner")}/${req.param("name")}`);
      const network = req.query("network");
      const repository = req.query("repository");
      const known = network === undefined || repository === undefined ? undefined : {
        networkId: parseNetworkId(network),
        repositoryId: parseRepositoryId(repository),
      };
      const found = await metadata.findRepository(name, known);
      if (found !== undefined) return Response.json(found);
      throw new GitStratumError("not-found", "Find no such repository", { data: { name } });
    });
    this.#app.patch(REPOSITORY, async (context) => {
      const request = await readJson(context.req.raw, updateRepositorySchema);
      return Response.json(await metadata.updateRepository(keyOf(context), request));
    });
    this.#app.get("/metadata/v1/deleted-repositories", async (context) => {
      return Response.json(await metadata.listDeletedRepositories(listQuery(context)));
    });
    this.#app.get(`${REPOSITORY}/usage`, async (context) => {
      return Response.json(await metadata.repositoryUsage(keyOf(context)));
    });
    this.#app.post(`${REPOSITORY}/purge`, async (context) => {
      const request = await readJson(context.req.raw, purgeRepositorySchema);
      await metadata.purgeRepository(keyOf(context), request);
      return Response.json({});
    });
    this.#app.delete(REPOSITORY, async (context) => {
      const request = await readJson(context.req.raw, deleteRepositorySchema);
      await metadata.deleteRepository(keyOf(context), request);
      return Response.json({});
    });
  }

  #addQuestions(): void {
    const metadata = this.#metadata;
    this.#ask("fork", forkRepositorySchema, (key, body) => metadata.forkRepository(key, body));
    this.#ask(
      "rename",
      renameRepositorySchema,
      (key, body) => metadata.renameRepository(key, body),
    );
    this.#ask(
      "restore",
      restoreRepositorySchema,
      (key, body) => metadata.restoreRepository(key, body),
    );
    this.#ask("negotiate", negotiateRequestSchema, (key, body) => metadata.negotiate(key, body));
    this.#app.get(`${REPOSITORY}/tag-digest`, async (context) => {
      return Response.json({ digest: await metadata.tagDigest(keyOf(context)) });
    });
    this.#ask("deepen", deepenRequestSchema, (key, body) => metadata.deepen(key, body));
    this.#ask("locate", locateRequestSchema, (key, body) => metadata.locate(key, body));
    this.#ask("push", pushRequestSchema, (key, body) => metadata.push(key, body));
    this.#app.post(`${REPOSITORY}/push-frame`, async (context) => {
      const frame = await readBodyBytes(context.req.raw, { bytesMax: METADATA_PUSH_BYTES_MAX });
      return Response.json(await metadata.push(keyOf(context), decodePushFrame(frame)));
    });
  }

  #addStreams(): void {
    const metadata = this.#metadata;
    this.#app.post(`${REPOSITORY}/references`, async (context) => {
      const query = await readJson(context.req.raw, referenceQuerySchema, {
        bytesMax: METADATA_REQUEST_BYTES_MAX,
      });
      return stream(encodeReferences(await metadata.listReferences(keyOf(context), query)));
    });
    this.#app.post(`${REPOSITORY}/reference-lines`, async (context) => {
      return stream(await metadata.openReferenceLines(keyOf(context)));
    });
    this.#app.get(`${REPOSITORY}/listed`, async (context) => {
      const name = parseRepositoryName(context.req.query("name") ?? "");
      return new Response(encodeListed(await metadata.listKnown(keyOf(context), name)));
    });
    this.#app.post(`${REPOSITORY}/plan`, async (context) => {
      const request = await readJson(context.req.raw, planRequestSchema, {
        bytesMax: METADATA_REQUEST_BYTES_MAX,
      });
      return stream(encodeRecipe(await metadata.plan(keyOf(context), request)));
    });
    this.#app.post(`${REPOSITORY}/known`, async (context) => {
      const oids = await readBodyBytes(context.req.raw, { bytesMax: KNOWN_REQUEST_BYTES_MAX });
      return new Response(encodeRows(await metadata.known(keyOf(context), oids)));
    });
  }

  /** Adds a question with a JSON answer. */
  #ask<T>(
    verb: string,
    schema: z.ZodType<T>,
    answer: (key: RepositoryKey, body: T) => Promise<unknown>,
  ): void {
    const bytesMax = verb === "push" ? METADATA_PUSH_BYTES_MAX : METADATA_REQUEST_BYTES_MAX;
    this.#app.post(`${REPOSITORY}/${verb}`, async (context) => {
      const body = await readJson(context.req.raw, schema, { bytesMax });
      return Response.json(await answer(keyOf(context), body));
    });
  }
}

function keyOf({ req }: Context): RepositoryKey {
  return {
    networkId: parseNetworkId(req.param("network") ?? ""),
    repositoryId: parseRepositoryId(req.param("repository") ?? ""),
  };
}

function listQuery({ req }: Context): RepositoryListQuery {
  const after = req.query("after");
  const afterId = req.query("afterId");
  const partitions = req.query("partitions");
  return {
    limit: parseLimit(req.query("limit")),
    ...(after === undefined ? {} : { after: parseRepositoryName(after) }),
    ...(afterId === undefined ? {} : { afterId: parseIdBeginning(afterId) }),
    ...(partitions === undefined ? {} : { partitions: parsePartitions(partitions) }),
  };
}

function parseIdBeginning(text: string): string {
  if (/^[0-9a-f]{0,32}$/.test(text)) return text;
  throw new GitStratumError("invalid", "Expect an id or the beginning of one", {
    data: { found: text.slice(0, 40) },
  });
}

function parseLimit(text = String(REPOSITORY_PAGE_COUNT_MAX)): number {
  const limit = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : NaN;
  if (!Number.isNaN(limit)) return limit;
  throw new GitStratumError("invalid", "Expect a positive limit", {
    data: { found: text.slice(0, 40) },
  });
}

function stream(body: ReadableStream<Uint8Array>): Response {
  return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>);
}
