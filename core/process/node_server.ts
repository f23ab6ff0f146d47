/**
 * The sockets of a node: one for the other nodes, one for operators.
 *
 * Both listen from the start, so that the node's address is known before what it serves is open; until
 * then other nodes are told to come back. Nobody without the cluster's secret is told anything: the
 * answer is 401 to whatever was asked, health included.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { GitStratumError } from "../error.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { errorResponse } from "../rpc/error_response.ts";
import type { Service } from "../rpc/fetcher.ts";
import { authenticated } from "../rpc/node_auth.ts";
import { withAccessLog } from "./access_log.ts";
import { AdminService, type Readiness } from "./admin_service.ts";
import { type HttpServer, serveHttp } from "./http_server.ts";
import type { NodeConfig, NodeFiles } from "./node_config.ts";

/** How to listen. */
export interface NodeServerOptions {
  /** Addresses. */
  readonly config: Pick<NodeConfig, "listen" | "admin"> & Partial<NodeConfig>;
  /** Secrets and certificates. */
  readonly files: NodeFiles;
  /** Where requests are counted. */
  readonly metrics: Metrics;
  /** Checks the dates of tokens, counts drains. */
  readonly clock: Clock;
  /** Told of requests, if wanted, and of those that were refused. */
  readonly logger: Logger;
}

/** How long running requests of other nodes may take to finish, in milliseconds. */
const DRAIN_MS = 10_000;
/** An operator's request is short. */
const ADMIN_DRAIN_MS = 500;

type Stage =
  | { readonly kind: "starting" }
  | {
    readonly kind: "serving" | "draining";
    readonly service: Service;
    readonly readiness: () => Readiness;
  };

/** The sockets of one node. */
export class NodeServer {
  readonly #nodes: HttpServer;
  readonly #admin: HttpServer;
  readonly #advertised: string | undefined;
  #stage: Stage = { kind: "starting" };

  /** Starts to listen. */
  constructor(options: NodeServerOptions) {
    const { config, files, clock, metrics, logger } = options;
    this.#advertised = config.advertise;
    const token = files.adminToken === undefined ? {} : { token: files.adminToken };
    const admin = new AdminService({ metrics, readiness: () => this.readiness(), ...token });
    this.#admin = serveHttp({
      ...config.admin,
      clock,
      drainMs: ADMIN_DRAIN_MS,
      handle: (request) => admin.fetch(request),
    });
    const refused = metrics.counter("gitstratum_node_requests_refused_total", {
      help: "Requests without a good token of the cluster's secret.",
      labels: ["reason"],
    });
    const guarded = authenticated({ fetch: (request) => this.#answer(request) }, {
      secrets: files.secrets,
      clock,
      onRefused(refusal) {
        refused.increment({ reason: refusal.reason });
        logger.warn("Refuse a request without a good token", { ...refusal });
      },
    });
    this.#nodes = serveHttp({
      ...config.listen,
      clock,
      drainMs: DRAIN_MS,
      ...(files.tls === undefined ? {} : { tls: files.tls }),
      handle: withAccessLog((request) => guarded.fetch(request), {
        clock,
        logger,
        metrics,
        isQuiet: config.accessLog !== true,
      }),
    });
  }

  /** Base URL under which other nodes reach this one. */
  get url(): string {
    return this.#advertised ?? this.#nodes.url;
  }

  /** Base URL for operators. */
  get adminUrl(): string {
    return this.#admin.url;
  }

  /** Whether new work should be sent here. */
  readiness(): Readiness {
    switch (this.#stage.kind) {
      case "starting":
        return { ready: false, status: "starting" };
      case "serving":
        return this.#stage.readiness();
      case "draining":
        return { ready: false, status: "draining" };
    }
  }

  /** From now on requests go to `service`. */
  serve(service: Service, readiness: () => Readiness): void {
    this.#stage = { kind: "serving", service, readiness };
  }

  /** From now on readiness says no; everything is served on. */
  drain(): void {
    if (this.#stage.kind === "serving") this.#stage = { ...this.#stage, kind: "draining" };
  }

  /** Takes no connection any more, and finishes running requests within a bound. */
  async close(): Promise<void> {
    this.drain();
    await this.#nodes.close();
    await this.#admin.close();
  }

  #answer(request: Request): Promise<Response> {
    if (this.#stage.kind !== "starting") return this.#stage.service.fetch(request);
    return Promise.resolve(
      errorResponse(new GitStratumError("unavailable", "Start before anything is served")),
    );
  }
}
