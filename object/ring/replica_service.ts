/**
 * Serves a node's replica to the other nodes of the ring, over HTTP.
 *
 * Invariants: bodies are verified before anything of them is stored, and admitted by their length. The
 * room for them is apart from that of callers' extents: a node that coordinates a write holds the
 * caller's bytes while it waits for others, who must not wait for that room in turn.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import {
  EXTENT_BODIES_BYTES_MAX,
  EXTENT_LIST_COUNT_MAX,
  GitStratumError,
  REPLICA_BODY_BYTES_MAX,
} from "@gitstratum/core";
import {
  CHECKSUM_HEADER,
  checksumText,
  declaredBytes,
  errorResponse,
  parseExtentId,
  parseNodeId,
  parseRangeHeader,
  readBodyBytes,
  readJson,
  type Service,
  verifyChecksum,
} from "@gitstratum/core/rpc";
import { ByteBudget } from "../byte_budget.ts";
import type { HintName, ReplicaNode, ReplicaWrite } from "./replica_node.ts";
import {
  decodeReplicaWrites,
  dropHintSchema,
  encodeReplicaWrites,
  forgetSchema,
  REPLICA_PATH,
  REPLICA_WRITES_TYPE,
} from "./replica_wire.ts";

/** What a {@link ReplicaService} needs. */
export interface ReplicaServiceOptions {
  /** What it offers. */
  readonly replica: ReplicaNode;
  /** Told of every error that is a bug. */
  readonly onUnexpected?: (error: unknown) => void;
}

/** A replica as other nodes reach it. */
export class ReplicaService implements Service {
  readonly #replica: ReplicaNode;
  readonly #app = new Hono().basePath(REPLICA_PATH);
  readonly #bodies = new ByteBudget(EXTENT_BODIES_BYTES_MAX);

  /** Makes the service of a replica. */
  constructor(options: ReplicaServiceOptions) {
    this.#replica = options.replica;
    const onUnexpected = options.onUnexpected ?? (() => {});
    this.#app.onError((error) => errorResponse(error, { onUnexpected }));
    this.#app.notFound(() =>
      errorResponse(new GitStratumError("unsupported", "Find no such operation"))
    );
    this.#addRecordRoutes();
    this.#addHintRoutes();
  }

  /** Answers one request. */
  async fetch(request: Request): Promise<Response> {
    return await this.#app.fetch(request);
  }

  #addRecordRoutes(): void {
    const app = this.#app;
    app.post("/merge", (context) =>
      this.#withWrites(context.req.raw, async (writes) => {
        return Response.json({ outcomes: await this.#replica.merge(writes) });
      }));
    app.get("/extents/:id", (context) => this.#read(context));
    app.get("/records/:id", async (context) => {
      const id = parseExtentId(context.req.param("id"));
      return Response.json({ record: await this.#replica.find(id) ?? null });
    });
    app.get("/records", async (context) => {
      const after = context.req.query("after");
      const page = after === undefined ? {} : { after: parseExtentId(after) };
      const records = await this.#replica.list({ ...page, limit: limitOf(context) });
      return Response.json({ records });
    });
    app.post("/forget", async (context) => {
      const { records } = await readJson(context.req.raw, forgetSchema);
      await this.#replica.forget(records);
      return Response.json({});
    });
  }

  #addHintRoutes(): void {
    const app = this.#app;
    app.post("/hints/:target", (context) => {
      const target = parseNodeId(context.req.param("target"));
      return this.#withWrites(context.req.raw, async (writes) => {
        for (const write of writes) await this.#replica.keepHint(target, write);
        return Response.json({});
      });
    });
    app.get("/hints", async (context) => {
      const { id, target } = context.req.query();
      const after = id === undefined || target === undefined
        ? {}
        : { after: { id: parseExtentId(id), target: parseNodeId(target) } };
      const hints = await this.#replica.hints({ ...after, limit: limitOf(context) });
      return Response.json({ hints });
    });
    app.get("/hints/:target/:id", async (context) => {
      const { target, id } = context.req.param();
      return await this.#readHint({ target: parseNodeId(target), id: parseExtentId(id) });
    });
    app.post("/drop-hint", async (context) => {
      const { version, ...name } = await readJson(context.req.raw, dropHintSchema);
      await this.#replica.dropHint(name, version);
      return Response.json({});
    });
  }

  /** Reads and verifies a frame within the budget, of which it keeps its part until `use` settles. */
  #withWrites(
    request: Request,
    use: (writes: readonly ReplicaWrite[]) => Promise<Response>,
  ): Promise<Response> {
    const bytesMax = REPLICA_BODY_BYTES_MAX;
    const reserved = Math.min(declaredBytes(request) ?? bytesMax, bytesMax);
    return this.#bodies.spend(reserved, async () => {
      const bytes = await readBodyBytes(request, { bytesMax });
      verifyChecksum(bytes, request.headers.get(CHECKSUM_HEADER));
      return await use(decodeReplicaWrites(bytes));
    });
  }

  async #read(context: Context): Promise<Response> {
    const id = parseExtentId(context.req.param("id") ?? "");
    const range = parseRangeHeader(context.req.header("range") ?? "");
    return bytesResponse(await this.#replica.read(id, range), "application/octet-stream");
  }

  async #readHint(name: HintName): Promise<Response> {
    const write = await this.#replica.readHint(name);
    if (write !== undefined) {
      return bytesResponse(encodeReplicaWrites([write]), REPLICA_WRITES_TYPE);
    }
    throw new GitStratumError("not-found", "Find no such hint", {
      data: { target: name.target, id: name.id },
    });
  }
}

function bytesResponse(bytes: Uint8Array<ArrayBuffer>, type: string): Response {
  return new Response(bytes, {
    headers: {
      "content-type": type,
      "content-length": bytes.length.toString(),
      [CHECKSUM_HEADER]: checksumText(bytes),
    },
  });
}

function limitOf(context: Context): number {
  const limit = Number(context.req.query("limit"));
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= EXTENT_LIST_COUNT_MAX) return limit;
  throw new GitStratumError("invalid", "Expect a number of records", {
    data: { limit: context.req.query("limit"), limitMax: EXTENT_LIST_COUNT_MAX },
  });
}
