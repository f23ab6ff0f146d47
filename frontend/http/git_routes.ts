/**
 * Smart HTTP (gitprotocol-http): carries requests of git clients to sessions and back.
 *
 * Everything of git's conversation is the sessions' business; here are paths, methods, content types
 * and headers. Whatever fails before the first byte of an answer is an HTTP status with a text that
 * git prints behind `remote:`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import { FETCH_REQUEST_BYTES_MAX, PUSH_BYTES_MAX, PUSH_COMMANDS_BYTES_MAX } from "@gitstratum/core";
import type { RepositoryName } from "@gitstratum/core/rpc";
import {
  announceService,
  type GitService,
  parseProtocolVersion,
  type ProtocolVersion,
} from "@gitstratum/core/protocol";
import type { ClientTurns, StalledStreams } from "../admission/stalled_streams.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { tipOfBundleFile } from "../session/bundle_offers.ts";
import type { SessionCaller, SessionInput } from "../session/session.ts";
import {
  abortOf,
  callerOf,
  methodRefused,
  movedAnswer,
  repositoryNameOf,
  takesPieces,
} from "./client_request.ts";
import { textAnswer } from "./error_answer.ts";
import { requestBody, toldBodyBytes } from "./request_body.ts";
import { streamedResponse } from "./streamed_response.ts";

/** The sessions that answer git clients. */
export interface GitSessions {
  /** The first message of a service, without the HTTP preamble. */
  advertise(
    service: GitService,
    name: RepositoryName,
    options: SessionCaller & { readonly version: ProtocolVersion },
  ): AsyncGenerator<Uint8Array>;
  /** The answer to one stateless request. */
  respond(
    service: GitService,
    name: RepositoryName,
    input: SessionInput,
  ): AsyncGenerator<Uint8Array>;
  /** A file with everything that a commit reaches; fails before its first bytes when there is none. */
  bundle(name: RepositoryName, tip: string, caller: SessionCaller): AsyncGenerator<Uint8Array>;
}

/** What the routes work with. */
export interface GitRoutesOptions {
  readonly sessions: GitSessions;
  /** Finds out who asks. */
  readonly authenticator: Authenticator;
  /** Ends streams that stall; absent = clients may take their time. */
  readonly streams?: StalledStreams;
  /** Told of failures that the client saw as a broken stream. */
  onFailure(error: unknown, facts: { readonly service: string; readonly name: string }): void;
}

/** Answers of a git server are never to be kept, whatever the age of the proxy (git http-backend). */
const NEVER_CACHED: Readonly<Record<string, string>> = {
  "cache-control": "no-cache, max-age=0, must-revalidate",
  "expires": "Fri, 01 Jan 1980 00:00:00 GMT",
  "pragma": "no-cache",
};

/**
 * A bundle's address names its content. Shared caches may keep one that was fetched without a password
 * and by RFC 9111 (section 3.5) none that was fetched with one.
 */
const BUNDLE_CACHED = { "cache-control": "max-age=86400, immutable" };

/** Longest decompressed request of each service, in bytes; a push's commands come on top of its pack. */
const BODY_BYTES_MAX: Readonly<Record<GitService, number>> = {
  "git-upload-pack": FETCH_REQUEST_BYTES_MAX,
  "git-receive-pack": PUSH_BYTES_MAX + PUSH_COMMANDS_BYTES_MAX,
};

const DUMB_PROTOCOL =
  "This server speaks git's smart HTTP protocol only. Use git 1.6.6 or newer, and a URL without a query.";

function isService(text: string | undefined): text is GitService {
  return text === "git-upload-pack" || text === "git-receive-pack";
}

/** The routes of git clients below `/:owner/:name`. */
export class GitRoutes {
  readonly #options: GitRoutesOptions;

  /** Makes the routes. */
  constructor(options: GitRoutesOptions) {
    this.#options = options;
  }

  /** The routes as an app, to be mounted at `/`. */
  app(): Hono {
    const app = new Hono();
    app.get("/:owner/:name/info/refs", (context) => this.#advertise(context));
    app.all("/:owner/:name/info/refs", () => methodRefused("GET, HEAD"));
    for (const service of ["git-upload-pack", "git-receive-pack"] as const) {
      app.post(`/:owner/:name/${service}`, (context) => this.#respond(context, service));
      app.all(`/:owner/:name/${service}`, () => methodRefused("POST"));
    }
    app.get("/:owner/:name/bundles/:file", (context) => this.#bundle(context));
    app.all("/:owner/:name/bundles/:file", () => methodRefused("GET, HEAD"));
    app.get("/:owner/:name/HEAD", () => textAnswer(DUMB_PROTOCOL, 403));
    app.get("/:owner/:name/objects/*", () => textAnswer(DUMB_PROTOCOL, 403));
    return app;
  }

  async #advertise(context: Context): Promise<Response> {
    const service = context.req.query("service");
    if (service === undefined) return textAnswer(DUMB_PROTOCOL, 403);
    if (!isService(service)) {
      return textAnswer(`Service not enabled: '${service.slice(0, 80)}'`, 403);
    }
    const name = repositoryNameOf(context);
    const abort = abortOf(context);
    const version = parseProtocolVersion(context.req.header("git-protocol"));
    let present: RepositoryName | undefined;
    const chunks = this.#options.sessions.advertise(service, name, {
      ...await this.#caller(context, abort),
      version,
      onMoved: (moved) => present = moved,
    });
    const bare = version === 2 && service === "git-upload-pack";
    const response = await this.#stream(bare ? chunks : announced(service, chunks), {
      type: `application/x-${service}-advertisement`,
      abort,
      facts: { service, name },
    });
    if (context.req.method === "HEAD" || present !== undefined) await response.body?.cancel();
    // git follows a redirection of its first request; those after it are answered by either name.
    return present === undefined ? response : movedAnswer(context, present);
  }

  async #respond(context: Context, service: GitService): Promise<Response> {
    const name = repositoryNameOf(context);
    const type = context.req.header("content-type");
    if (type !== `application/x-${service}-request`) {
      return textAnswer(`Content type must be application/x-${service}-request`, 415);
    }
    const abort = abortOf(context);
    const caller = await this.#caller(context, abort);
    const version = parseProtocolVersion(context.req.header("git-protocol"));
    const input = { ...caller, version, request: context.req.raw, abort };
    return await this.#stream(this.#answer(service, name, input), {
      type: `application/x-${service}-result`,
      abort,
      takesPieces: takesPieces(context),
      facts: { service, name },
    });
  }

  /** Its request is watched until it has ended: a session that has heard enough leaves the rest unread. */
  async *#answer(
    service: GitService,
    name: RepositoryName,
    input: Omit<SessionInput, "body"> & {
      readonly request: Request;
      readonly abort: AbortController;
    },
  ): AsyncGenerator<Uint8Array> {
    const { request, abort, ...rest } = input;
    const turns = this.#turns(abort);
    try {
      const bytesMax = BODY_BYTES_MAX[service];
      const body = requestBody(request, { bytesMax, signal: abort.signal, turns });
      const bodyBytes = toldBodyBytes(request);
      const told = bodyBytes === undefined ? {} : { bodyBytes };
      yield* this.#options.sessions.respond(service, name, { ...rest, ...told, body });
    } finally {
      turns?.close();
    }
  }

  async #bundle(context: Context): Promise<Response> {
    const name = repositoryNameOf(context);
    const tip = tipOfBundleFile(context.req.param("file") ?? "");
    if (tip === undefined) return textAnswer("Not found", 404);
    const abort = abortOf(context);
    const chunks = this.#options.sessions.bundle(
      name,
      tip,
      await this.#caller(context, abort),
    );
    const response = await streamedResponse(chunks, {
      headers: { ...BUNDLE_CACHED, "content-type": "application/x-git-bundle" },
      abort,
      turns: this.#turns(abort),
      onFailure: (error) => this.#options.onFailure(error, { service: "bundle", name }),
    });
    if (context.req.method === "HEAD") await response.body?.cancel();
    return response;
  }

  #caller(context: Context, abort: AbortController): Promise<SessionCaller> {
    return callerOf(context, abort, this.#options.authenticator);
  }

  #turns(abort: AbortController): ClientTurns | undefined {
    return this.#options.streams?.watch((reason) => abort.abort(reason));
  }

  #stream(
    chunks: AsyncGenerator<Uint8Array>,
    options: {
      readonly type: string;
      readonly abort: AbortController;
      readonly takesPieces?: boolean;
      readonly facts: { readonly service: string; readonly name: string };
    },
  ): Promise<Response> {
    return streamedResponse(chunks, {
      headers: { ...NEVER_CACHED, "content-type": options.type },
      abort: options.abort,
      takesPieces: options.takesPieces === true,
      turns: this.#turns(options.abort),
      onFailure: (error) => this.#options.onFailure(error, options.facts),
    });
  }
}

/** The same chunks with the service's name before the first, so that a failing producer still fails first. */
async function* announced(
  service: GitService,
  chunks: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of chunks) {
    if (first) yield announceService(service);
    first = false;
    yield chunk;
  }
}
