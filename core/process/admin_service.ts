/**
 * What a process tells those who operate it: `/healthz`, `/readyz` and `/metrics`.
 *
 * It is served on an address of its own, never on the one that clients or other nodes use. Where
 * others than this machine reach that address, a token guards everything but the two bare verdicts:
 * a probe learns 200 or 503 and nothing else.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "@hono/hono";
import type { Metrics } from "../metrics.ts";
import type { Service } from "../rpc/fetcher.ts";
import { hostRefusal } from "./host_check.ts";

/** Facts about readiness, for people. */
export type ReadinessFacts = Readonly<Record<string, string | number | boolean | null>>;

/** Whether new work should be sent here, and why not. */
export interface Readiness {
  /** The verdict. */
  readonly ready: boolean;
  /** One word or two: `ok`, `draining`, `joining`. */
  readonly status: string;
  /** What an operator wants to know beside it. */
  readonly facts?: ReadinessFacts;
}

/** What an admin service tells. */
export interface AdminServiceOptions {
  /** Everything that is counted. */
  readonly metrics: Metrics;
  /** Asked for each request. */
  readonly readiness: () => Readiness;
  /** Whoever has it gets details and metrics; absent = everybody on this machine does. */
  readonly token?: string;
}

/** Answers operators and probes. */
export class AdminService implements Service {
  readonly #options: AdminServiceOptions;
  readonly #app = new Hono();

  /** Makes a service; it holds nothing. */
  constructor(options: AdminServiceOptions) {
    this.#options = options;
    this.#app.get("/healthz", (c) => this.#verdict(c.req.raw, { ready: true, status: "ok" }));
    this.#app.get("/readyz", (c) => this.#verdict(c.req.raw, options.readiness()));
    this.#app.get("/metrics", (c) => this.#metrics(c.req.raw));
    this.#app.notFound(() => new Response("Not found\n", { status: 404 }));
  }

  /** Answers one request. */
  async fetch(request: Request): Promise<Response> {
    return await this.#app.fetch(request);
  }

  #verdict(request: Request, readiness: Readiness): Response {
    const { ready, status, facts = {} } = readiness;
    const options = { status: ready ? 200 : 503, headers: { "cache-control": "no-store" } };
    if (!this.#isTrusted(request)) return new Response(null, options);
    return Response.json({ status, ...facts }, options);
  }

  async #metrics(request: Request): Promise<Response> {
    if (!this.#isTrusted(request)) {
      if (this.#options.token === undefined) return new Response("Not here\n", { status: 403 });
      return new Response("A token is needed\n", {
        status: 401,
        headers: { "www-authenticate": "Bearer" },
      });
    }
    const { contentType, body } = await this.#options.metrics.render();
    return new Response(body, { headers: { "content-type": contentType } });
  }

  #isTrusted(request: Request): boolean {
    const { token } = this.#options;
    // Without a token it listens on loopback, where pages of other sites must not find it.
    if (token === undefined) return hostRefusal(request, []) === undefined;
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    return given !== undefined && timingSafeEqual(digest(given), digest(token));
  }
}

/** Digests have one length, so that their comparison tells nothing about the token's. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
