/**
 * The control plane over HTTP: the {@link Control} contract behind `fetch`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import type { Logger } from "@gitstratum/core";
import {
  type Control,
  errorResponse,
  heartbeatRequestSchema,
  parseNodeId,
  readJson,
  registerNodeRequestSchema,
  type Service,
} from "@gitstratum/core/rpc";
import { z } from "zod";

const drainingSchema = z.strictObject({ draining: z.boolean() });

/** Answers requests of nodes and operators. */
export class ControlService implements Service {
  readonly #app = new Hono();
  readonly #control: Control;

  /** Makes a service that speaks for `control`. */
  constructor(control: Control, logger: Logger) {
    this.#control = control;
    this.#app.get("/control/v1/topology", async (c) => c.json(await control.topology()));
    this.#app.post("/control/v1/nodes", (c) => this.#register(c));
    this.#app.post("/control/v1/nodes/:id/heartbeat", (c) => this.#heartbeat(c));
    this.#app.put("/control/v1/nodes/:id/draining", (c) => this.#setDraining(c));
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
    const { draining } = await readJson(c.req.raw, drainingSchema);
    await this.#control.setDraining(id, draining);
    return c.json({});
  }
}
