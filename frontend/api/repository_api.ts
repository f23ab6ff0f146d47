/**
 * The management API for repositories, under `/api/v1/repos`.
 *
 * @module
 */

import { type Context, Hono } from "@hono/hono";
import { z } from "zod";
import { GitStratumError } from "@gitstratum/core";
import { OBJECT_FORMATS } from "@gitstratum/core/git";
import {
  type Metadata,
  parseRepositoryName,
  readJson,
  type RepositoryInfo,
  type RepositoryName,
  repositorySettingsChangeSchema,
} from "@gitstratum/core/rpc";
import { jsonErrorAnswer } from "../http/error_answer.ts";

/** Entries of one page. */
const PAGE_LIMIT_MAX = 1000;
const PAGE_LIMIT_DEFAULT = 100;

const createSchema = z.strictObject({
  name: z.string(),
  objectFormat: z.enum(OBJECT_FORMATS).default("sha1"),
  defaultBranch: z.string().min(1).max(250).default("main"),
});

/** What may change; settings are merged, and null brings a default back. */
const updateSchema = z.strictObject({
  defaultBranch: z.string().min(1).max(250).optional(),
  settings: repositorySettingsChangeSchema.optional(),
});

const limitSchema = z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX);

/** What the API works with. */
export interface RepositoryApiOptions {
  readonly metadata: Metadata;
  /** Changes are refused. */
  readonly readOnly: boolean;
}

function shown(repository: RepositoryInfo): Record<string, unknown> {
  return {
    id: repository.repositoryId,
    name: repository.name,
    objectFormat: repository.objectFormat,
    defaultBranch: repository.head.replace(/^refs\/heads\//, ""),
    createdAt: new Date(repository.createdAtMs).toISOString(),
    settings: repository.settings,
  };
}

function pageLimit(text: string | undefined): number {
  if (text === undefined) return PAGE_LIMIT_DEFAULT;
  const parsed = limitSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new GitStratumError("invalid", "Expect a page limit", {
    data: { found: text.slice(0, 40), min: 1, max: PAGE_LIMIT_MAX },
  });
}

function namedIn(context: Context): RepositoryName {
  return parseRepositoryName(`${context.req.param("owner")}/${context.req.param("name")}`);
}

async function found(metadata: Metadata, name: RepositoryName): Promise<RepositoryInfo> {
  const repository = await metadata.findRepository(name);
  if (repository !== undefined) return repository;
  throw new GitStratumError("not-found", "Find no such repository", { data: { name } });
}

function refuseWhenReadOnly(readOnly: boolean): void {
  if (readOnly) throw new GitStratumError("denied", "Refuse changes on a read-only server");
}

/** The routes of the API; to be mounted at `/api/v1/repos`. */
export function repositoryApi(options: RepositoryApiOptions): Hono {
  const { metadata, readOnly } = options;
  const app = new Hono();

  app.get("/", async (context) => {
    const limit = pageLimit(context.req.query("limit"));
    const after = context.req.query("after");
    const page = await metadata.listRepositories({
      limit,
      ...(after === undefined ? {} : { after: parseRepositoryName(after) }),
    });
    const next = page.length === limit ? page.at(-1)?.name : undefined;
    return context.json({ repositories: page.map(shown), next });
  });

  app.post("/", async (context) => {
    refuseWhenReadOnly(readOnly);
    const wanted = await readJson(context.req.raw, createSchema);
    const name = parseRepositoryName(wanted.name);
    const repository = await metadata.createRepository({ ...wanted, name });
    const location = `/api/v1/repos/${repository.name}`;
    return context.json(shown(repository), 201, { location });
  });

  app.get("/:owner/:name", async (context) => {
    return context.json(shown(await found(metadata, namedIn(context))));
  });

  app.patch("/:owner/:name", async (context) => {
    refuseWhenReadOnly(readOnly);
    const { defaultBranch, settings } = await readJson(context.req.raw, updateSchema);
    const repository = await metadata.updateRepository(await found(metadata, namedIn(context)), {
      ...(defaultBranch === undefined ? {} : { head: `refs/heads/${defaultBranch}` }),
      ...(settings === undefined ? {} : { settings }),
    });
    return context.json(shown(repository));
  });

  app.delete("/:owner/:name", async (context) => {
    refuseWhenReadOnly(readOnly);
    await metadata.deleteRepository(await found(metadata, namedIn(context)));
    return context.body(null, 204);
  });

  app.all("*", () => jsonErrorAnswer(new GitStratumError("not-found", "Find no such API path")));
  app.onError((error) => jsonErrorAnswer(error));
  return app;
}
