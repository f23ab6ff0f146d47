/**
 * The control plane over HTTP: the {@link Control} contract behind `fetch`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import { GitStratumError, type Logger } from "@gitstratum/core";
import {
  type AuditTrail,
  basisSchema,
  type ChangeBasis,
  checkBasisLevel,
  type Control,
  errorResponse,
  heartbeatRequestSchema,
  NODES_BASIS_PATH,
  parseNodeId,
  type RateLeases,
  readJson,
  registerNodeRequestSchema,
  type RepairSwitch,
  type Service,
  type Webhooks,
} from "@gitstratum/core/rpc";
import { ACCESS_PATH } from "@gitstratum/core/rpc/access";
import { z } from "zod";
import { rateRoutes } from "./rates/rate_routes.ts";
import type { TopologyStreams } from "./topology_streams.ts";
import { webhookRoutes } from "./webhooks/webhook_routes.ts";

const VERSION = /^[0-9]{1,15}$/;
/** Schema of what a node says that leaves. */
export const leaveSchema: z.ZodType<{ readonly incarnation: number }> = z.object({
  incarnation: z.int().positive(),
});
/** Schema of what an operator wants of a node. */
export const drainingSchema: z.ZodType<ChangeBasis & { readonly draining: boolean }> = z.object({
  draining: z.boolean(),
  basis: basisSchema.exactOptional(),
});

/** Schema of what an operator wants of a node's repairs. */
export const repairSwitchSchema: z.ZodType<ChangeBasis & { readonly paused: boolean }> = z.object({
  paused: z.boolean(),
  basis: basisSchema.exactOptional(),
});

/** A control plane that tells what operators' commands stand on. */
type CommandedControl = Control & RepairSwitch & {
  /** A revision that all changes have which were acknowledged before. */
  basis(): Promise<number>;
};

/** Answers requests of nodes and operators. */
export class ControlService implements Service {
  readonly #app = new Hono();
  readonly #control: CommandedControl;
  readonly #streams: TopologyStreams;

  /** Makes a service that speaks for `control`. */
  constructor(parts: {
    readonly control: CommandedControl;
    readonly streams: TopologyStreams;
    readonly rates: RateLeases;
    readonly webhooks: Webhooks & { basis(): Promise<number> };
    readonly audit: AuditTrail;
    /** The level of the cluster. */
    readonly releaseLevel: () => number;
    /** Answers below `/control/v1/access`. */
    readonly access: Service;
    readonly logger: Logger;
  }) {
    const { control, logger } = parts;
    this.#control = control;
    this.#streams = parts.streams;
    this.#app.get("/control/v1/topology", async (c) => c.json(await control.topology()));
    this.#app.get("/control/v1/topology/watch", (c) => this.#watch(c));
    this.#app.get(NODES_BASIS_PATH, async (c) => {
      checkBasisLevel(parts.releaseLevel());
      return c.json({ basis: await control.basis() });
    });
    this.#app.post("/control/v1/nodes", (c) => this.#register(c));
    this.#app.post("/control/v1/nodes/:id/heartbeat", (c) => this.#heartbeat(c));
    this.#app.put("/control/v1/nodes/:id/draining", (c) => this.#setDraining(c));
    this.#app.put("/control/v1/nodes/:id/repair", (c) => this.#setRepairPaused(c));
    this.#app.post("/control/v1/nodes/:id/leave", (c) => this.#leave(c));
    this.#app.delete("/control/v1/nodes/:id", (c) => this.#forget(c));
    this.#app.route("/", rateRoutes(parts.rates));
    this.#app.route("/", webhookRoutes(parts));
    this.#app.all(`${ACCESS_PATH}/*`, (c) => parts.access.fetch(c.req.raw));
    this.#app.onError((error) =>
      errorResponse(error, {
        onUnexpected: () => logger.error("Fail a request for an internal reason", { error }),
      })
    );
  }

  /** Answers one request. */
  async fetch(request: Request): Promise<Response> {
    return await this.#app.fetch(request);
  }

  #watch(c: Context): Response {
    const after = versionOf(c.req.query("after") ?? "0");
    const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store" };
    return new Response(this.#streams.open(after), { headers });
  }

  async #register(c: Context): Promise<Response> {
    const request = await readJson(c.req.raw, registerNodeRequestSchema);
    return c.json(await this.#control.register(request), 201);
  }

  async #heartbeat(c: Context): Promise<Response> {
    const id = parseNodeId(c.req.param("id") ?? "");
    return c.json(
      await this.#control.heartbeat(id, await readJson(c.req.raw, heartbeatRequestSchema)),
    );
  }

  async #setDraining(c: Context): Promise<Response> {
    const id = parseNodeId(c.req.param("id") ?? "");
    const { draining, ...since } = await readJson(c.req.raw, drainingSchema);
    await this.#control.setDraining(id, draining, since);
    return c.json({});
  }

  async #setRepairPaused(c: Context): Promise<Response> {
    const id = parseNodeId(c.req.param("id") ?? "");
    const { paused, ...since } = await readJson(c.req.raw, repairSwitchSchema);
    await this.#control.setRepairPaused(id, paused, since);
    return c.json({});
  }

  async #leave(c: Context): Promise<Response> {
    const id = parseNodeId(c.req.param("id") ?? "");
    const { incarnation } = await readJson(c.req.raw, leaveSchema);
    await this.#control.leave(id, incarnation);
    return c.json({});
  }

  async #forget(c: Context): Promise<Response> {
    const basis = c.req.query("basis");
    const since = basis === undefined ? {} : { basis: versionOf(basis) };
    await this.#control.forget(parseNodeId(c.req.param("id") ?? ""), since);
    return c.json({});
  }
}

/** A version of a topology, or a revision. @throws `invalid` */
function versionOf(text: string): number {
  if (VERSION.test(text)) return Number(text);
  throw new GitStratumError("invalid", "Expect the number of a version", {
    data: { found: text.slice(0, 40) },
  });
}
