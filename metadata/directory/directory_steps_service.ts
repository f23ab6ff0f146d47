/**
 * The directory's steps as other metadata nodes ask for them: what {@link DirectoryStepsClient} calls.
 *
 * Internal to the cluster: whoever mounts it sees to it that only nodes get here.
 *
 * @module
 */

import { Hono } from "@hono/hono";
import type { z } from "zod";
import type { Logger } from "@gitstratum/core";
import { errorResponse, readJson, type Service } from "@gitstratum/core/rpc";
import type { DirectorySteps } from "./directory_steps.ts";
import { DIRECTORY_PATH, DIRECTORY_STEP_SHAPES as SHAPES } from "./directory_wire.ts";

/** A node's own {@link DirectorySteps} as a service. */
export class DirectoryStepsService implements Service {
  readonly #app = new Hono();

  /** Serves `steps`; bugs are logged to `logger`. */
  constructor(steps: DirectorySteps, logger: Logger) {
    this.#app.onError((error) =>
      errorResponse(error, {
        onUnexpected: (cause) =>
          logger.error("Fail a step of the directory", {
            ...(cause instanceof Error ? { error: cause } : { reason: String(cause) }),
          }),
      })
    );
    this.#answer("name", SHAPES.name, ({ name }) => steps.name(name));
    this.#answer("claim", SHAPES.claim, (claim) => steps.claim(claim));
    this.#answer("confirm", SHAPES.confirm, (entry) => steps.confirm(entry));
    this.#answer("release", SHAPES.release, (entry) => steps.release(entry));
    this.#answer("move", SHAPES.move, (entry) => steps.move(entry));
    this.#answer("repository", SHAPES.repository, (key) => steps.repository(key));
    this.#answer("create", SHAPES.create, (info) => steps.create(info));
    this.#answer("rename", SHAPES.rename, (request) => steps.rename(request));
    this.#answer("remove", SHAPES.remove, (key) => steps.remove(key));
    this.#answer("restore", SHAPES.restore, (request) => steps.restore(request));
    this.#answer("purge", SHAPES.purge, (key) => steps.purge(key));
    this.#answer("bar", SHAPES.bar, (claim) => steps.bar(claim));
    this.#answer("settle", SHAPES.settle, (debt) => steps.settle(debt));
    this.#answer("finish", SHAPES.finish, (key) => steps.finish(key));
  }

  /** {@inheritDoc Service.fetch} */
  fetch(request: Request): Promise<Response> {
    return Promise.resolve(this.#app.fetch(request));
  }

  #answer<Q>(
    step: keyof DirectorySteps,
    { question }: { readonly question: z.ZodType<Q> },
    work: (question: Q) => Promise<unknown>,
  ): void {
    this.#app.post(`${DIRECTORY_PATH}/${step}`, async (context) => {
      const result = await work(await readJson(context.req.raw, question));
      return Response.json({ result });
    });
  }
}
