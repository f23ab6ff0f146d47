/**
 * The access store over HTTP: the contract `Access` and the stream of records behind `fetch`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import { GitStratumError, JSON_BODY_BYTES_MAX, type Logger } from "@gitstratum/core";
import type { Revision } from "@gitstratum/core/consensus";
import {
  checkBasisLevel,
  errorResponse,
  readBodyBytes,
  readJson,
  type Service,
} from "@gitstratum/core/rpc";
import {
  type Access,
  ACCESS_BASIS_PATH,
  ACCESS_CALLS,
  ACCESS_PATH,
  accessBodySchema,
  type AccessCallName,
  bodyDigest,
} from "@gitstratum/core/rpc/access";
import type { AccessFeed } from "./access_feed.ts";
import type { AccessStreams } from "./access_streams.ts";

const REVISION = /^[0-9]{1,15}$/;

/** Answers frontends. */
export class AccessService implements Service {
  readonly #app = new Hono();
  readonly #accessSince: (basis: Revision | undefined) => Access;
  readonly #feed: AccessFeed;
  readonly #streams: AccessStreams;

  /** Makes a service that speaks for what `accessSince` gives. */
  constructor(parts: {
    /** The calls, for changes that stand on a basis, or on none. */
    readonly accessSince: (basis: Revision | undefined) => Access;
    readonly feed: AccessFeed;
    /** The level of the cluster. */
    readonly releaseLevel: () => number;
    readonly streams: AccessStreams;
    readonly logger: Logger;
  }) {
    this.#accessSince = parts.accessSince;
    this.#feed = parts.feed;
    this.#streams = parts.streams;
    this.#app.get(`${ACCESS_PATH}/watch`, (c) => this.#watch(c));
    this.#app.get(ACCESS_BASIS_PATH, async (c) => {
      checkBasisLevel(parts.releaseLevel());
      return c.json({ basis: await parts.feed.basis() });
    });
    for (const name of Object.keys(ACCESS_CALLS) as AccessCallName[]) {
      this.#app.post(`${ACCESS_PATH}/${name}`, (c) => this.#call(name, c));
    }
    this.#app.onError((error) =>
      errorResponse(error, {
        onUnexpected: () => parts.logger.error("Fail a request for an internal reason", { error }),
      })
    );
  }

  /** Answers one request. */
  async fetch(request: Request): Promise<Response> {
    return await this.#app.fetch(request);
  }

  #watch(c: Context): Response {
    const after = c.req.query("after") ?? "0";
    if (!REVISION.test(after)) {
      throw new GitStratumError("invalid", "Expect the revision of access records", {
        data: { found: after.slice(0, 40) },
      });
    }
    const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store" };
    return new Response(this.#streams.open(Number(after)), { headers });
  }

  async #call<Name extends AccessCallName>(name: Name, c: Context): Promise<Response> {
    const body = await readBodyBytes(c.req.raw, { bytesMax: JSON_BODY_BYTES_MAX });
    if (bodyDigest(body) !== c.req.query("body")) {
      throw new GitStratumError("denied", "Refuse a body that its request line does not name");
    }
    const schema = accessBodySchema(ACCESS_CALLS[name].request);
    const { request, provenance, basis } = await readJson(new Response(body), schema);
    const outcome = await this.#accessSince(basis)[name](request as never, provenance);
    return c.json({ revision: this.#feed.view.revision, outcome });
  }
}
