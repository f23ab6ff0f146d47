/**
 * What may be asked about repositories.
 *
 * @module
 */

import { z } from "zod";
import { OBJECT_FORMATS } from "@gitstratum/core/git";
import { askedSettingsChangeSchema, shownSettingsSchema } from "@gitstratum/core/rpc";
import { apiOperation } from "./api_operation.ts";
import { accountName, REPOSITORY_PATH, repositoryName } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";

const TAG = "repositories";

const branch = z.string().min(1).max(250).describe("Name of a branch, without `refs/heads/`");

/** A repository as it is shown. */
export const repositorySchema = z.strictObject({
  id: z.string().describe("Stays when the name changes"),
  name: z.string().describe("`owner/name`"),
  objectFormat: z.enum(OBJECT_FORMATS),
  defaultBranch: branch,
  createdAt: z.iso.datetime(),
  settings: shownSettingsSchema,
  version: z.string().describe("Another one after each change of the branch and the settings"),
  parent: z.string().optional().describe("Id of the repository that it was forked from"),
}).meta({ title: "Repository" });

/** Lists repositories. */
export const listRepositories = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos",
  summary: "List the repositories that the caller may read",
  asks: { on: "nothing" },
  query: {
    ...PAGE_QUERY,
    owner: accountName.optional().describe("Only those of this owner"),
  },
  answer: pageOf("repositories", repositorySchema),
});

/** Creates a repository. */
export const createRepository = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos",
  summary: "Create an empty repository",
  asks: { on: "owner", operation: "create-repository" },
  status: 201,
  location: "/repos/{name}",
  body: z.strictObject({
    name: repositoryName,
    objectFormat: z.enum(OBJECT_FORMATS).default("sha1"),
    defaultBranch: branch.default("main"),
    settings: askedSettingsChangeSchema.optional(),
  }).meta({ title: "NewRepository" }),
  answer: repositorySchema,
});

/** Shows a repository. */
export const getRepository = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}",
  summary: "Show a repository",
  asks: { on: "repository", operation: "read" },
  names: REPOSITORY_PATH,
  answer: repositorySchema,
});

/** Changes a repository. */
export const updateRepository = apiOperation({
  tag: TAG,
  method: "PATCH",
  path: "/repos/{owner}/{name}",
  summary: "Change the default branch and settings of a repository",
  description: "Settings are merged: what is left out stays, null brings a default back.",
  asks: { on: "repository", operation: "configure" },
  names: REPOSITORY_PATH,
  body: z.strictObject({
    defaultBranch: branch.optional(),
    settings: askedSettingsChangeSchema.optional(),
    ifVersion: z.string().max(100).optional()
      .describe("Refuses the change with `conflict` unless this is the repository's version"),
  }).meta({ title: "RepositoryChange" }),
  answer: repositorySchema,
});

/** Deletes a repository. */
export const deleteRepository = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/repos/{owner}/{name}",
  summary: "Delete a repository",
  asks: { on: "repository", operation: "delete" },
  names: REPOSITORY_PATH,
});
