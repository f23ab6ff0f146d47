/**
 * The management API: routes made from the table of operations, and what is the same for all.
 *
 * A request is validated, its caller is known, what it names is looked up, the permission that the
 * operation asks for is decided, and only then its handler runs. What the caller may not read is
 * answered exactly as what does not exist.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import { assert, type Clock, GitStratumError, unreachable } from "@gitstratum/core";
import { type AccountName, parseAccountName } from "@gitstratum/core/access";
import type { ConnectionInfo } from "@gitstratum/core/process";
import { parseRepositoryName, provenanceOf, type RepositoryInfo } from "@gitstratum/core/rpc";
import type { AccessGate } from "../access/access_gate.ts";
import type { Asker } from "../access/asker.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { RepositoryGate } from "../access/repository_gate.ts";
import type { Admission } from "../admission/admission.ts";
import { jsonErrorAnswer, publicError } from "../http/error_answer.ts";
import { API, API_BASE_PATH } from "./api.ts";
import type { ApiHandlers } from "./api_handler.ts";
import type { ApiInput, ApiOperation, ApiShapes } from "./api_operation.ts";
import { readApiRequest } from "./api_request.ts";
import { openApiDocument } from "./openapi_document.ts";

/** What the API works with. */
export interface ApiAppOptions {
  /** Finds out who asks. */
  readonly authenticator: Authenticator;
  /** Decides. */
  readonly gate: AccessGate;
  /** Looks repositories up for those who may know of them. */
  readonly repositories: RepositoryGate;
  /** Do the work. */
  readonly handlers: ApiHandlers;
  /** Says when something was asked. */
  readonly clock: Clock;
  /** Changes are refused. */
  readonly readOnly: boolean;
  /** For the document. */
  readonly version: string;
  /** Counts what callers ask; absent = nobody does. */
  readonly admission?: Pick<Admission, "countCaller">;
  /** Told of failures that are nobody's fault but ours. */
  readonly onFailure?: (error: unknown, facts: ApiFailureFacts) => void;
}

/** Where a failure was. */
export type ApiFailureFacts = {
  /** Method and path. */
  readonly service: string;
  /** What it was about, as far as is known. */
  readonly name: string;
};

type AnyHandler = (call: unknown) => Promise<unknown>;

/** The routes; to be mounted at `API_BASE_PATH`. */
export function apiApp(options: ApiAppOptions): Hono {
  const app = new Hono();
  let document: Readonly<Record<string, unknown>> | undefined;
  app.get("/openapi.json", (context) => {
    // Made for the first who asks: it takes longer than the start of a server may.
    document ??= openApiDocument(API, { version: options.version });
    return context.json(document);
  });
  for (const [id, operation] of Object.entries(API)) {
    const path = operation.path.replaceAll(/\{([a-zA-Z]+)\}/g, ":$1");
    app.on(operation.method, path, (context) => answer(context, { id, operation, options }));
  }
  for (const path of new Set(Object.values(API).map((operation) => operation.path))) {
    app.all(path.replaceAll(/\{([a-zA-Z]+)\}/g, ":$1"), () => methodRefused(path));
  }
  app.all("*", () => jsonErrorAnswer(new GitStratumError("not-found", "Find no such API path")));
  app.onError((error, { req }) => {
    if (!isOurs(error)) return jsonErrorAnswer(error);
    options.onFailure?.(error, { service: `${req.method} ${req.path.slice(0, 200)}`, name: "" });
    return jsonErrorAnswer(withoutFacts(error));
  });
  return app;
}

/** Whether a failure is one of ours, and not of what was asked. */
function isOurs(error: unknown): boolean {
  if (!(error instanceof GitStratumError)) return true;
  const isInside = ["unavailable", "corrupt", "disk-full"].includes(error.code);
  return isInside && error.data.retryAfterS === undefined;
}

/** Facts of what is behind (nodes, paths, keys) are for operators. */
function withoutFacts(error: unknown): GitStratumError {
  const { code, message } = publicError(error);
  return new GitStratumError(code, message);
}

/** One operation on its way. */
interface Work {
  readonly id: string;
  readonly operation: ApiOperation;
  readonly options: ApiAppOptions;
}

async function answer(context: Context, work: Work): Promise<Response> {
  const { id, operation, options } = work;
  const request = context.req.raw;
  const info = (context.env ?? {}) as ConnectionInfo;
  const isChange = operation.method !== "GET";
  if (isChange) refuseForeignPages(request);
  const asker = await options.authenticator.ofRequest(request, info);
  if (isChange && options.readOnly) {
    throw new GitStratumError("denied", "Refuse changes on a read-only server");
  }
  const names = context.req.param();
  options.admission?.countCaller({ asker }, repositoryIn(operation, names));
  const input = await readApiRequest(operation, request, names);
  const { signal = request.signal } = info;
  const repository = await permitted(input, { asker, signal }, work);
  const moved = movedAnswer(repository, { operation, input, request });
  if (moved !== undefined) return moved;
  const provenance = provenanceOf(asker.actor(), {
    transport: "api",
    atMs: options.clock.nowMs(),
    remoteAddress: info.remoteAddress,
    agent: request.headers.get("user-agent") ?? undefined,
  });
  const handler = options.handlers[id as keyof ApiHandlers] as AnyHandler;
  const result = await handler({ ...input, asker, provenance, signal, repository });
  return shown(result, { operation, request });
}

/** Decides; the repository that the path names comes along. @throws what the caller is told */
async function permitted(
  input: ApiInput<ApiShapes>,
  caller: { readonly asker: Asker; readonly signal: AbortSignal },
  work: Work,
): Promise<RepositoryInfo | undefined> {
  const { operation: { asks }, options: { gate, repositories } } = work;
  const principal = caller.asker.principal();
  const path = input.path as Readonly<Record<string, string>>;
  switch (asks.on) {
    case "nothing":
      return undefined;
    case "server":
      gate.check(principal, asks, {});
      return undefined;
    case "account": {
      const user = path.user as AccountName;
      gate.check(principal, { on: "account", user }, { user });
      return undefined;
    }
    case "owner": {
      const owner = ownerIn(input);
      gate.check(principal, { ...asks, owner }, { owner });
      return undefined;
    }
    case "repository": {
      const name = parseRepositoryName(`${path.owner}/${path.name}`);
      return await repositories.find(name, { ...caller, operation: asks.operation });
    }
    default:
      return unreachable(asks);
  }
}

/** The name of the repository that a path has, whether there is one or not. */
function repositoryIn(
  { asks }: ApiOperation,
  names: Readonly<Record<string, string>>,
): string | undefined {
  return asks.on === "repository" ? `${names.owner}/${names.name}` : undefined;
}

/** The answer to whoever asks for a repository by a name that it had before. */
function movedAnswer(
  repository: RepositoryInfo | undefined,
  parts: {
    readonly operation: ApiOperation;
    readonly input: ApiInput<ApiShapes>;
    readonly request: Request;
  },
): Response | undefined {
  const { operation, input, request } = parts;
  const path = input.path as Readonly<Record<string, string>>;
  if (repository === undefined || repository.name === `${path.owner}/${path.name}`) {
    return undefined;
  }
  const [owner, name] = repository.name.split("/");
  const place = filledIn(operation.path, { ...path, owner, name });
  const { code, message, data } = new GitStratumError("not-found", "Find it under another name", {
    data: { name: repository.name },
  });
  return Response.json({ error: { code, message, data } }, {
    status: 308,
    headers: {
      location: `${API_BASE_PATH}${place}${new URL(request.url).search}`,
      "cache-control": "no-store",
    },
  });
}

/** The owner that a path names, or the body's name of a repository. */
function ownerIn(input: ApiInput<ApiShapes>): AccountName {
  const { owner } = input.path as { readonly owner?: AccountName };
  if (owner !== undefined) return owner;
  const { name } = input.body as { readonly name?: string };
  assert(name !== undefined, "An operation on an owner names one");
  // A name of its own is an owner's; one of two parts is a repository's.
  return parseAccountName(name.replace(/\/.*$/s, ""));
}

function shown(
  result: unknown,
  parts: { readonly operation: ApiOperation; readonly request: Request },
): Response {
  const { operation, request } = parts;
  const { status, location } = operation;
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (location !== undefined) headers.location = API_BASE_PATH + filledIn(location, result);
  const next = (result as { readonly next?: string } | undefined)?.next;
  if (next !== undefined) {
    const url = new URL(request.url);
    url.searchParams.set("after", next);
    headers.link = `<${url.pathname}${url.search}>; rel="next"`;
  }
  if (operation.shapes.answer === undefined) return new Response(null, { status, headers });
  return Response.json(result, { status, headers });
}

function filledIn(template: string, result: unknown): string {
  const fields = result as Readonly<Record<string, unknown>>;
  return template.replaceAll(
    /\{([a-zA-Z]+)\}/g,
    (_, name) => String(fields[name]).split("/").map(encodeURIComponent).join("/"),
  );
}

/** A page of another site must not use what its reader's browser knows or reaches. */
function refuseForeignPages(request: Request): void {
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  // Older browsers say where the page is from and no more; other clients say neither.
  if (site === null && (origin === null || isOwn(origin, request))) return;
  if (site === "same-origin" || site === "none") return;
  throw new GitStratumError("denied", "Refuse changes that a page of another site asks for");
}

function isOwn(origin: string, request: Request): boolean {
  return URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
}

function methodRefused(path: string): Response {
  const methods = Object.values(API).filter((operation) => operation.path === path)
    .map(({ method }) => method);
  const allow = [...new Set(methods)].sort().join(", ");
  const { code, message } = new GitStratumError("unsupported", "Ask with another method");
  return Response.json({ error: { code, message, data: { allow } } }, {
    status: 405,
    headers: { allow, "cache-control": "no-store" },
  });
}
