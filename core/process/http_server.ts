/**
 * A listening socket in front of a handler, with an orderly end: no new connections, running requests
 * finish within a bound, then whatever is left is told to stop.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { GitStratumError } from "../error.ts";
import { formatSocketAddress } from "../socket_address.ts";

/** What the server hands to its handler beside the request. */
export interface ConnectionInfo {
  /** The client's address, as far as there is one: the peer's, or what a trusted proxy tells. */
  readonly remoteAddress?: string;
  /** Aborts when the client is gone, or the server can wait no longer for the request to end. */
  readonly signal?: AbortSignal;
  /** Resolves when the whole answer was taken by the client; rejects when it never will be. */
  readonly completed?: Promise<void>;
  /**
   * Each piece of a body is with the runtime when the next one is asked for: its memory may be given
   * back. Not so for callers in this process, who may keep the pieces.
   */
  readonly takesPieces?: boolean;
}

/** A certificate and its key, PEM. */
export interface TlsIdentity {
  /** The certificate, followed by those that vouch for it. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
}

/** How long handlers may take to give up after they were told to, in milliseconds. */
const CUT_MS = 2000;

/** Turns of the queue of microtasks in which an answer that was taken is told to be: one or two. */
const TAKEN_TURN_COUNT = 10;

/** How to listen. */
export interface HttpServerOptions {
  /** Name or address of the interface. */
  readonly hostname: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Counts the time of draining. */
  readonly clock: Clock;
  /** Serves HTTPS (HTTP/1.1 and 2) with this identity; absent = HTTP. */
  readonly tls?: TlsIdentity;
  /** How long running requests may go on after the server was told to close, in milliseconds. */
  readonly drainMs: number;
  /** Answers requests. Failures of it are the handler's to answer. */
  handle(request: Request, info: ConnectionInfo): Response | Promise<Response>;
}

/** A server that listens. */
export interface HttpServer {
  /** As it was asked for, or as the system says it. */
  readonly hostname: string;
  /** The port that was picked. */
  readonly port: number;
  /** Base URL without a slash at its end. */
  readonly url: string;
  /** Resolves when every request has ended, or did not although it was told to. */
  close(): Promise<void>;
}

async function drained(finished: Promise<void>, options: HttpServerOptions): Promise<boolean> {
  const timer = new AbortController();
  const timeout = options.clock.sleep(options.drainMs, timer.signal).then(() => false, () => true);
  const result = await Promise.race([finished.then(() => true), timeout]);
  timer.abort();
  return result;
}

function clientGone(cause: unknown): GitStratumError {
  return new GitStratumError("aborted", "Lose the client", { cause });
}

/**
 * The answer to a request whose `Host` makes no URL. No handler sees one: each takes its request's URL
 * for one, and the failure of one that noted an answer after its end would end the process.
 */
function refusedUrl(): Response {
  return new Response("Expect a host and a path that make a URL\n", { status: 400 });
}

/** Starts to listen. */
export function serveHttp(options: HttpServerOptions): HttpServer {
  const running = new Set<AbortController>();
  const server = Deno.serve({
    hostname: options.hostname,
    port: options.port,
    ...options.tls,
    onListen: () => {},
  }, (request, info) => {
    if (!URL.canParse(request.url)) return refusedUrl();
    const abort = new AbortController();
    running.add(abort);
    let isTaken = false;
    const end = () => void running.delete(abort);
    // A rejection says what the signal says.
    info.completed.then(() => isTaken = true).then(end, end);
    request.signal.addEventListener("abort", async () => {
      // It aborts after success, too, just before that is told: an error that nobody reads would go
      // through all who listen.
      for (let turn = 0; turn < TAKEN_TURN_COUNT && !isTaken; turn++) await undefined;
      if (!isTaken) abort.abort(clientGone(request.signal.reason));
    });
    const { remoteAddr, completed } = info;
    const peer = "hostname" in remoteAddr ? { remoteAddress: remoteAddr.hostname } : {};
    return options.handle(request, { ...peer, signal: abort.signal, completed, takesPieces: true });
  });
  const { hostname, port } = server.addr;
  let closing: Promise<void> | undefined;
  const close = async () => {
    const finished = server.shutdown();
    if (await drained(finished, options)) return;
    // Deno cannot cut connections once it drains them, so their handlers are asked to.
    for (const abort of running) abort.abort(new GitStratumError("aborted", "Stop the server"));
    await drained(finished, { ...options, drainMs: CUT_MS });
  };
  const scheme = options.tls === undefined ? "http" : "https";
  const url = `${scheme}://${formatSocketAddress({ hostname, port })}`;
  return { hostname, port, url, close: () => closing ??= close() };
}
