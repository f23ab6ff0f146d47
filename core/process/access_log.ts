/**
 * One line and a few counts for each request that a process answers.
 *
 * The line is written when the client has taken the whole answer, or will not any more, so that its
 * duration is what the client saw. It holds the path without the query, never a header and never a
 * body: nothing in it is a secret. Bodies stay native streams; their bytes are told as far as a header
 * tells them.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { DURATION_BUCKETS_S, type Metrics } from "../metrics.ts";
import type { ConnectionInfo } from "./http_server.ts";

/** Answers a request of a connection. */
export type ConnectionHandler = (
  request: Request,
  info: ConnectionInfo,
) => Response | Promise<Response>;

/** Where requests are noted. */
export interface AccessLogOptions {
  /** Takes durations. */
  readonly clock: Clock;
  /** Gets a line of level `info` for each request, `warn` for those that failed here. */
  readonly logger: Logger;
  /** Counts requests. */
  readonly metrics: Metrics;
  /** Counts requests, but writes no lines. */
  readonly isQuiet?: boolean;
}

const PATH_LENGTH_MAX = 300;

/** The same answers, noted. */
export function withAccessLog(
  handle: ConnectionHandler,
  options: AccessLogOptions,
): ConnectionHandler {
  const { clock, logger, metrics } = options;
  const requests = metrics.counter("gitstratum_http_requests_total", {
    help: "Requests that were answered, by method and class of status.",
    labels: ["method", "status"],
  });
  const durations = metrics.histogram("gitstratum_http_request_seconds", {
    help: "Time from the request's head to the end of the answer.",
    labels: ["method"],
    buckets: DURATION_BUCKETS_S,
  });
  let runningCount = 0;
  metrics.gauge("gitstratum_http_requests_running", {
    help: "Requests whose answers are still on their way.",
    read: () => runningCount,
  });
  const note = (request: Request, info: ConnectionInfo, end: RequestEnd) => {
    runningCount--;
    const method = knownMethod(request.method);
    requests.increment({ method, status: `${Math.floor(end.status / 100)}xx` });
    durations.observe(end.durationMs / 1000, { method });
    if (options.isQuiet) return;
    const level = end.status >= 500 ? "warn" : "info";
    logger[level]("Answer a request", {
      method: request.method,
      path: new URL(request.url).pathname.slice(0, PATH_LENGTH_MAX),
      status: end.status,
      durationMs: Math.round(end.durationMs * 10) / 10,
      ...(end.bytes === undefined ? {} : { bytes: end.bytes }),
      ...(info.remoteAddress === undefined ? {} : { remoteAddress: info.remoteAddress }),
      ...(end.isWhole ? {} : { cut: true }),
    });
  };
  return async (request, info) => {
    runningCount++;
    const startMs = clock.monotonicMs();
    let end: Omit<RequestEnd, "durationMs" | "isWhole"> = { status: 500 };
    const ended = (isWhole: boolean) =>
      note(request, info, { ...end, isWhole, durationMs: clock.monotonicMs() - startMs });
    // Told once, whichever way it goes; without a connection the answer's head is the end.
    info.completed?.then(() => ended(true), () => ended(false));
    try {
      const response = await handle(request, info);
      const length = response.headers.get("content-length");
      end = { status: response.status, ...(length === null ? {} : { bytes: Number(length) }) };
      return response;
    } finally {
      if (info.completed === undefined) ended(true);
    }
  };
}

interface RequestEnd {
  readonly status: number;
  /** Length of the body, when the answer's head told it. */
  readonly bytes?: number;
  readonly durationMs: number;
  /** The client took all of it. */
  readonly isWhole: boolean;
}

/** Labels have few values, whatever clients make up. */
function knownMethod(method: string): string {
  return ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].includes(method) ? method : "other";
}
