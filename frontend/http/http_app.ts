/**
 * The public HTTP side of a frontend: health, landing page, API and git, in one app.
 *
 * @module
 */

import { Hono, type MiddlewareHandler } from "@hono/hono";
import { type ConnectionInfo, hostRefusal } from "@gitstratum/core/process";
import type { Admission } from "../admission/admission.ts";
import { API_BASE_PATH } from "../api/api.ts";
import { ArchiveRoutes, type ArchiveRoutesOptions } from "./archive_routes.ts";
import { jsonErrorAnswer, publicError, textAnswer, textErrorAnswer } from "./error_answer.ts";
import { GitRoutes, type GitRoutesOptions } from "./git_routes.ts";
import { landingPage } from "./landing_page.ts";

/** What the app works with. */
export interface HttpAppOptions extends GitRoutesOptions, ArchiveRoutesOptions {
  /** The management API. */
  readonly api: Hono;
  readonly version: string;
  readonly autoCreate: boolean;
  /** Hosts beside those of loopback that requests may be for; absent = any host. */
  readonly httpHosts?: readonly string[];
  /** Counts requests by address; absent = nobody does. */
  readonly admission?: Pick<Admission, "countAddress" | "begin" | "refusalDelay">;
  /** Whether new work should be sent here; false while the server drains. */
  ready(): boolean;
}

function systemRoutes(options: HttpAppOptions): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", (context) => {
    const ready = options.ready();
    return context.json({ status: ready ? "ok" : "draining" }, ready ? 200 : 503);
  });
  app.get("/", async (context) => {
    const { version, autoCreate } = options;
    const baseUrl = new URL(context.req.url).origin;
    return context.html(await landingPage({ version, baseUrl, autoCreate }));
  });
  return app;
}

/** A refusal in the form of what was asked. */
function refusalAnswer(path: string, error: unknown): Response {
  return path.startsWith(`${API_BASE_PATH}/`) ? jsonErrorAnswer(error) : textErrorAnswer(error);
}

/** Serves requests for certain hosts only. */
function forHosts(hosts: readonly string[]): MiddlewareHandler {
  return async (context, next) => {
    const refusal = hostRefusal(context.req.raw, hosts);
    return refusal === undefined ? await next() : refusalAnswer(context.req.path, refusal);
  };
}

/** Counts requests by address, and begins only so many of one at a time. */
function admitted(admission: NonNullable<HttpAppOptions["admission"]>): MiddlewareHandler {
  return async (context, next) => {
    const info = context.env as ConnectionInfo | undefined;
    const signal = info?.signal ?? new AbortController().signal;
    let begun: () => void;
    try {
      admission.countAddress(info?.remoteAddress);
      begun = await admission.begin(info?.remoteAddress, signal);
    } catch (error) {
      await admission.refusalDelay(signal);
      return refusalAnswer(context.req.path, error);
    }
    try {
      return await next();
    } finally {
      begun();
    }
  };
}

/** Makes the app. */
export function httpApp(options: HttpAppOptions): Hono {
  const app = new Hono();
  if (options.httpHosts !== undefined) app.use(forHosts(options.httpHosts));
  app.route("/", systemRoutes(options));
  // Behind the routes above: whether the server lives may be asked at any rate.
  const { admission } = options;
  if (admission !== undefined) app.use(admitted(admission));
  app.route(API_BASE_PATH, options.api);
  app.route("/", new GitRoutes(options).app());
  app.route("/", new ArchiveRoutes(options).app());
  app.notFound(() => textAnswer("Not found", 404));
  app.onError((error, context) => {
    if (publicError(error) !== error) {
      options.onFailure(error, { service: context.req.path.slice(0, 200), name: "" });
    }
    return textErrorAnswer(error);
  });
  return app;
}
