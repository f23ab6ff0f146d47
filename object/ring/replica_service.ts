/**
 * Serves a node's replica to the other nodes of the ring, over HTTP.
 *
 * Rings: a node that knows a newer ring than the caller refuses its writes, and one that knows only an
 * older ring than the caller does not list. So whoever lists what former owners have sees every write
 * that was coordinated by a ring before his: later ones are refused there, or went to him as well.
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
  REPLICA_LEAF_COUNT_MAX,
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
  type RepairStatus,
  type Service,
  verifyChecksum,
} from "@gitstratum/core/rpc";
import { ByteBudget } from "../byte_budget.ts";
import type { HintName, ReplicaNode, ReplicaWrite } from "./replica_node.ts";
import type { UpkeepStatus } from "./ring_upkeep.ts";
import type { PeerDigests } from "./shared_digests.ts";
import {
  decodeReplicaWrites,
  dropHintSchema,
  encodeReplicaWrites,
  forgetSchema,
  rangesSchema,
  REPLICA_PATH,
  REPLICA_WRITES_TYPE,
  RING_VERSION_HEADER,
} from "./replica_wire.ts";

/** What a {@link ReplicaService} needs. */
export interface ReplicaServiceOptions {
  /** What it offers. */
  readonly replica: ReplicaNode;
  /** Answers peers that compare themselves with the node; without it none can. */
  readonly digests?: PeerDigests;
  /** The version of the ring by which the node goes; without it all callers go by the same. */
  readonly ringVersion?: () => number;
  /** Told that a caller goes by a newer ring than this node. */
  readonly onNewerRing?: () => void;
  /** Told that another node could not write something here. */
  readonly onMissed?: () => void;
  /** What operators ask; without it they get no answer. */
  readonly upkeep?: {
    /** What it is at. */
    readonly status: UpkeepStatus;
    /** Compares the node with its peers. */
    compareSoon(): void;
  };
  /** Told of every error that is a bug. */
  readonly onUnexpected?: (error: unknown) => void;
}

/** A replica as other nodes reach it. */
export class ReplicaService implements Service {
  readonly #options: ReplicaServiceOptions;
  readonly #replica: ReplicaNode;
  readonly #app = new Hono().basePath(REPLICA_PATH);
  readonly #bodies = new ByteBudget(EXTENT_BODIES_BYTES_MAX);

  /** Makes the service of a replica. */
  constructor(options: ReplicaServiceOptions) {
    this.#options = options;
    this.#replica = options.replica;
    const onUnexpected = options.onUnexpected ?? (() => {});
    this.#app.onError((error) => errorResponse(error, { onUnexpected }));
    this.#app.notFound(() =>
      errorResponse(new GitStratumError("unsupported", "Find no such operation"))
    );
    this.#addRecordRoutes();
    this.#addHintRoutes();
    if (options.digests !== undefined) this.#addDigestRoutes(options.digests);
    this.#addUpkeepRoutes();
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
      this.#checkRing(context.req.raw, "reader");
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
    app.post("/compare", () => {
      this.#options.onMissed?.();
      return Response.json({});
    });
    app.post("/hints/:target", (context) => {
      const target = parseNodeId(context.req.param("target"));
      return this.#withWrites(context.req.raw, async (writes) => {
        for (const write of writes) await this.#replica.keepHint(target, write);
        return Response.json({});
      });
    });
    app.get("/hints", async (context) => {
      this.#checkRing(context.req.raw, "reader");
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

  #addDigestRoutes(digests: PeerDigests): void {
    const app = this.#app;
    app.post("/digests", async (context) => {
      this.#checkRing(context.req.raw, "peer");
      const { peer, ranges } = await readJson(context.req.raw, rangesSchema);
      return Response.json({ digests: await digests.digests(peer, ranges) });
    });
    app.post("/leaves", async (context) => {
      this.#checkRing(context.req.raw, "peer");
      const { peer, ranges } = await readJson(context.req.raw, rangesSchema);
      if (ranges.length > REPLICA_LEAF_COUNT_MAX) {
        throw new GitStratumError("exhausted", "Refuse to list so many parts of the ring", {
          data: { count: ranges.length, countMax: REPLICA_LEAF_COUNT_MAX },
        });
      }
      return Response.json({ records: await digests.records(peer, ranges) });
    });
  }

  #addUpkeepRoutes(): void {
    const { upkeep } = this.#options;
    if (upkeep === undefined) return;
    this.#app.get("/upkeep", () => Response.json(repairStatusOf(upkeep.status)));
    this.#app.post("/upkeep/compare", () => {
      upkeep.compareSoon();
      return Response.json({});
    });
  }

  /** Reads and verifies a frame within the budget, of which it keeps its part until `use` settles. */
  async #withWrites(
    request: Request,
    use: (writes: readonly ReplicaWrite[]) => Promise<Response>,
  ): Promise<Response> {
    this.#checkRing(request, "writer");
    const bytesMax = REPLICA_BODY_BYTES_MAX;
    const reserved = Math.min(declaredBytes(request) ?? bytesMax, bytesMax);
    return await this.#bodies.spend(reserved, async () => {
      const bytes = await readBodyBytes(request, { bytesMax });
      verifyChecksum(bytes, request.headers.get(CHECKSUM_HEADER));
      return await use(decodeReplicaWrites(bytes));
    });
  }

  /** Refuses callers who go by another ring where that could hide a write from its new owners. */
  #checkRing(request: Request, caller: "writer" | "reader" | "peer"): void {
    const { ringVersion, onNewerRing } = this.#options;
    if (ringVersion === undefined) return;
    const known = ringVersion();
    const found = Number(request.headers.get(RING_VERSION_HEADER) ?? 0);
    if (found > known) onNewerRing?.();
    // What two nodes share is the same to both only by the same ring.
    if (caller === "writer" ? found >= known : found <= known && caller === "reader") return;
    if (found === known) return;
    throw new GitStratumError("unavailable", "Go by another ring than the caller", {
      data: { known, found },
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

function repairStatusOf({ comparison, ...status }: UpkeepStatus): RepairStatus {
  return { ...status, ...(comparison === undefined ? {} : { comparison }) };
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
