/**
 * The object node's service: extents over HTTP (docs/formats/extent.md), on top of any extent store:
 * the node's own, or the ring's, of which the node is a part.
 *
 * Bodies are verified against their checksum before they are stored, and admitted by their length, so
 * that no number of clients makes the node hold more than `EXTENT_BODIES_BYTES_MAX`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import {
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BODIES_BYTES_MAX,
  EXTENT_BYTES_MAX,
  EXTENT_LIST_COUNT_MAX,
  EXTENT_REMOVE_COUNT_MAX,
  GitStratumError,
} from "@gitstratum/core";
import {
  CHECKSUM_HEADER,
  checksumText,
  declaredBytes,
  decodeExtentBatch,
  errorResponse,
  type ExtentId,
  type ExtentInfo,
  EXTENTS_PATH,
  type ExtentStore,
  type ExtentWrite,
  oneChunk,
  OWNER_HEADER,
  parseExtentId,
  parseNetworkId,
  parseRangeHeader,
  readBodyBytes,
  readJson,
  type Service,
  verifyChecksum,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import { ByteBudget } from "./byte_budget.ts";
import type { SegmentStore } from "./segment_store.ts";

const NODE_PATH = "/object/v1";

/** Schema of extents to be removed. */
export const removeExtentsSchema: z.ZodType<{ readonly ids: string[] }> = z.object({
  ids: z.array(z.string()).max(EXTENT_REMOVE_COUNT_MAX),
});
const paceSchema = { bytesPerSecond: z.number().positive().optional() };
const scrubSchema = z.strictObject(paceSchema);
const compactSchema = z.strictObject({
  ...paceSchema,
  deadPart: z.number().positive().max(1).optional(),
});

/** What an {@link ExtentService} needs. */
export interface ExtentServiceOptions {
  /** What the service offers. */
  readonly extents: ExtentStore;
  /** The node's own store, for its figures and its upkeep. */
  readonly store: SegmentStore;
  /** Told of every error that is a bug. */
  readonly onUnexpected?: (error: unknown) => void;
}

/** Serves the extents of one node. */
export class ExtentService implements Service {
  readonly #extents: ExtentStore;
  readonly #store: SegmentStore;
  readonly #app = new Hono();
  readonly #bodies = new ByteBudget(EXTENT_BODIES_BYTES_MAX);
  #runningCount = 0;

  /** Makes the service of a store. */
  constructor(options: ExtentServiceOptions) {
    this.#extents = options.extents;
    this.#store = options.store;
    const onUnexpected = options.onUnexpected ?? (() => {});
    this.#app.onError((error) => errorResponse(error, { onUnexpected }));
    this.#app.notFound(() =>
      errorResponse(new GitStratumError("unsupported", "Find no such operation"))
    );
    this.#addExtentRoutes();
    this.#addNodeRoutes();
  }

  /** Calls that have not been answered yet. */
  get runningCount(): number {
    return this.#runningCount;
  }

  /** Answers one request. */
  async fetch(request: Request): Promise<Response> {
    this.#runningCount++;
    try {
      return await this.#app.fetch(request);
    } finally {
      this.#runningCount--;
    }
  }

  #addExtentRoutes(): void {
    const app = this.#app;
    app.put(`${EXTENTS_PATH}/:id`, (context) => this.#putExtent(context));
    app.post(EXTENTS_PATH, (context) => this.#putBatch(context));
    app.get(EXTENTS_PATH, (context) => this.#list(context));
    app.post(`${EXTENTS_PATH}/remove`, (context) => this.#remove(context));
    app.get(`${EXTENTS_PATH}/:id`, (context) => this.#getExtent(context));
    app.get(`${EXTENTS_PATH}/:id/info`, async (context) => {
      return Response.json(await this.#infoOf(parseExtentId(context.req.param("id"))));
    });
  }

  #addNodeRoutes(): void {
    const app = this.#app;
    app.get(`${NODE_PATH}/stats`, () => Response.json(this.#store.stats()));
    app.post(`${NODE_PATH}/scrub`, async (context) => {
      const { bytesPerSecond } = await readJson(context.req.raw, scrubSchema);
      return Response.json(await this.#store.scrub(given({ bytesPerSecond })));
    });
    app.post(`${NODE_PATH}/compact`, async (context) => {
      const { bytesPerSecond, deadPart } = await readJson(context.req.raw, compactSchema);
      return Response.json(await this.#store.compact(given({ bytesPerSecond, deadPart })));
    });
  }

  async #putExtent(context: Context): Promise<Response> {
    const request = context.req.raw;
    const id = parseExtentId(context.req.param("id") ?? "");
    return await this.#withBody(request, EXTENT_BYTES_MAX, async (bytes) => {
      return await this.#storeExtents(request, [{ id, bytes }]);
    });
  }

  async #putBatch(context: Context): Promise<Response> {
    const request = context.req.raw;
    return await this.#withBody(
      request,
      EXTENT_BATCH_BYTES_MAX,
      async (bytes) => await this.#storeExtents(request, decodeExtentBatch(bytes)),
    );
  }

  async #storeExtents(request: Request, extents: readonly ExtentWrite[]): Promise<Response> {
    const owner = parseNetworkId(request.headers.get(OWNER_HEADER) ?? "");
    await this.#extents.write(owner, extents);
    return new Response(null, { status: 204 });
  }

  /** Reads and verifies a body within the budget, of which it keeps its part until `use` has settled. */
  #withBody(
    request: Request,
    bytesMax: number,
    use: (bytes: Uint8Array<ArrayBuffer>) => Promise<Response>,
  ): Promise<Response> {
    // A longer one is refused before it is read.
    const reserved = Math.min(declaredBytes(request) ?? bytesMax, bytesMax);
    return this.#bodies.spend(
      reserved,
      async () => {
        const bytes = await readBodyBytes(request, { bytesMax });
        verifyChecksum(bytes, request.headers.get(CHECKSUM_HEADER));
        return await use(bytes);
      },
    );
  }

  async #getExtent(context: Context): Promise<Response> {
    const id = parseExtentId(context.req.param("id") ?? "");
    const range = context.req.header("range");
    const bytes = range === undefined
      ? await this.#extents.read(id, { offset: 0, length: (await this.#infoOf(id)).bytes })
      : await this.#extents.read(id, parseRangeHeader(range));
    return new Response(oneChunk(bytes), {
      status: range === undefined ? 200 : 206,
      headers: {
        "content-type": "application/octet-stream",
        "content-length": bytes.length.toString(),
        [CHECKSUM_HEADER]: checksumText(bytes),
      },
    });
  }

  async #infoOf(id: ExtentId): Promise<ExtentInfo> {
    const info = await this.#extents.stat(id);
    if (info !== undefined) return info;
    throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
  }

  async #remove(context: Context): Promise<Response> {
    const { ids } = await readJson(context.req.raw, removeExtentsSchema);
    await this.#extents.remove(ids.map((id) => parseExtentId(id)));
    return Response.json({});
  }

  async #list(context: Context): Promise<Response> {
    const after = context.req.query("after") ?? "";
    const limit = Number(context.req.query("limit") ?? EXTENT_LIST_COUNT_MAX);
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > EXTENT_LIST_COUNT_MAX) {
      throw new GitStratumError("invalid", "Expect a number of extents", {
        data: { limit: context.req.query("limit"), limitMax: EXTENT_LIST_COUNT_MAX },
      });
    }
    const from = after === "" ? {} : { after: parseExtentId(after) };
    return Response.json({ extents: await this.#extents.list({ ...from, limit }) });
  }
}

/** The options that were given, without those that are undefined. */
function given<T extends Record<string, number | undefined>>(
  options: T,
): { readonly [K in keyof T]?: number } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { readonly [K in keyof T]?: number };
}
