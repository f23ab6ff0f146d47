/**
 * What may be asked about the life of repositories: new names, forks, deletion and return, and what they
 * take.
 *
 * @module
 */

import { z } from "zod";
import { askedSettingsChangeSchema } from "@gitstratum/core/rpc";
import { apiOperation } from "./api_operation.ts";
import { accountName, REPOSITORY_PATH, repositoryId, repositoryName } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";
import { repositorySchema } from "./repository_operations.ts";

const TAG = "life of repositories";

const WHICH = {
  id: repositoryId.optional()
    .describe("Its id, where several of the name were deleted; the last deleted when absent"),
};

/** A deleted repository as it is shown. */
export const deletedRepositorySchema = z.strictObject({
  ...repositorySchema.shape,
  deletedAt: z.iso.datetime(),
  purgeAt: z.iso.datetime().describe("From then on it may be gone for good"),
}).meta({ title: "DeletedRepository" });

/** What a repository takes. */
export const repositoryUsageSchema = z.strictObject({
  networkBytes: z.number().int()
    .describe("Stored bytes that it shares with its forks, before replication"),
  broughtBytes: z.number().int().describe("Those that pushes to this repository brought"),
  networkRepositoryCount: z.number().int(),
  referenceCount: z.number().int(),
}).meta({ title: "RepositoryUsage" });

/** Gives a repository another name, or another owner. */
export const renameRepository = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos/{owner}/{name}/rename",
  summary: "Give a repository another name, or another owner",
  description:
    "The old name leads to the new one for a time, unless another repository takes it. " +
    "Another owner is one for whom the caller may create repositories.",
  asks: { on: "repository", operation: "delete" },
  names: REPOSITORY_PATH,
  body: z.strictObject({ name: repositoryName }).meta({ title: "Rename" }),
  answer: repositorySchema,
});

/** Forks a repository. */
export const forkRepository = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos/{owner}/{name}/forks",
  summary: "Fork a repository, for an owner for whom the caller may create repositories",
  description: "Copies no objects. Visibility and description are the parent's, unless told.",
  asks: { on: "repository", operation: "read" },
  names: REPOSITORY_PATH,
  status: 201,
  location: "/repos/{name}",
  body: z.strictObject({
    name: repositoryName,
    settings: askedSettingsChangeSchema.optional(),
  }).meta({ title: "NewFork" }),
  answer: repositorySchema,
});

/** Shows what a repository takes. */
export const getRepositoryUsage = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/usage",
  summary: "Show what a repository takes",
  asks: { on: "repository", operation: "configure" },
  names: REPOSITORY_PATH,
  answer: repositoryUsageSchema,
});

/** Lists deleted repositories. */
export const listDeletedRepositories = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/deleted-repos",
  summary: "List deleted repositories that the caller may bring back",
  asks: { on: "nothing" },
  query: {
    ...PAGE_QUERY,
    owner: accountName.optional().describe("Only those of this owner"),
  },
  answer: pageOf("repositories", deletedRepositorySchema),
});

/** Brings a deleted repository back. */
export const restoreRepository = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/deleted-repos/{owner}/{name}/restore",
  summary: "Bring a deleted repository back",
  // Asked about the deleted one, once it is found.
  asks: { on: "nothing" },
  names: REPOSITORY_PATH,
  body: z.strictObject({
    ...WHICH,
    name: repositoryName.optional().describe("Its name from now on; that which it had when absent"),
  }).meta({ title: "Restoration" }),
  answer: repositorySchema,
});

/** Removes a deleted repository for good. */
export const purgeRepository = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/deleted-repos/{owner}/{name}",
  summary: "Remove a deleted repository for good, before its time",
  // Not for who may delete: what a stolen token deletes can come back.
  asks: { on: "server" },
  names: REPOSITORY_PATH,
  query: WHICH,
});
