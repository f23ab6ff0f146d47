/**
 * What may be asked about owners of repositories and about who has which role where.
 *
 * @module
 */

import { z } from "zod";
import { ROLES } from "@gitstratum/core/access";
import { apiOperation } from "./api_operation.ts";
import { accountName, REPOSITORY_PATH } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";

const TAG = "owners and members";
const OWNER_PATH = { owner: accountName };

/** An owner as it is shown. */
export const ownerSchema = z.strictObject({ name: z.string(), createdAt: z.iso.datetime() })
  .meta({ title: "Owner" });

/** A user with a role. */
export const memberSchema = z.strictObject({
  user: z.string(),
  role: z.enum(ROLES),
  createdAt: z.iso.datetime(),
}).meta({ title: "Member" });

const roleBody = z.strictObject({ role: z.enum(ROLES) }).meta({ title: "RoleChange" });

/** Lists owners. */
export const listOwners = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/owners",
  summary: "List the owners of repositories that are no users",
  asks: { on: "server" },
  query: PAGE_QUERY,
  answer: pageOf("owners", ownerSchema),
});

/** Adds an owner. */
export const createOwner = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/owners",
  summary: "Add an owner of repositories that is no user: a team, a project",
  asks: { on: "server" },
  status: 201,
  body: z.strictObject({ name: accountName }).meta({ title: "NewOwner" }),
  answer: ownerSchema,
});

/** Removes an owner. */
export const deleteOwner = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/owners/{owner}",
  summary: "Remove an owner that is no user; its repositories stay",
  asks: { on: "server" },
  names: OWNER_PATH,
});

/** Lists the members of an owner. */
export const listOwnerMembers = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/owners/{owner}/members",
  summary: "List who has a role in all repositories of an owner",
  asks: { on: "owner", operation: "manage-members" },
  names: OWNER_PATH,
  query: PAGE_QUERY,
  answer: pageOf("members", memberSchema),
});

/** Gives a role in all repositories of an owner. */
export const setOwnerMember = apiOperation({
  tag: TAG,
  method: "PUT",
  path: "/owners/{owner}/members/{user}",
  summary: "Give a user a role in all repositories of an owner, in place of the one before",
  asks: { on: "owner", operation: "manage-members" },
  names: { ...OWNER_PATH, user: accountName },
  body: roleBody,
  answer: memberSchema,
});

/** Takes a role away. */
export const deleteOwnerMember = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/owners/{owner}/members/{user}",
  summary: "Take a user's role in all repositories of an owner away",
  asks: { on: "owner", operation: "manage-members" },
  names: { ...OWNER_PATH, user: accountName },
});

/** Lists who has a role in one repository. */
export const listRepositoryMembers = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/members",
  summary: "List who has a role in a repository alone",
  asks: { on: "repository", operation: "grant" },
  names: REPOSITORY_PATH,
  query: PAGE_QUERY,
  answer: pageOf("members", memberSchema),
});

/** Gives a role in a repository. */
export const setRepositoryMember = apiOperation({
  tag: TAG,
  method: "PUT",
  path: "/repos/{owner}/{name}/members/{user}",
  summary: "Give a user a role in a repository, in place of the one before",
  asks: { on: "repository", operation: "grant" },
  names: { ...REPOSITORY_PATH, user: accountName },
  body: roleBody,
  answer: memberSchema,
});

/** Takes a role away. */
export const deleteRepositoryMember = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/repos/{owner}/{name}/members/{user}",
  summary: "Take a user's role in a repository away",
  asks: { on: "repository", operation: "grant" },
  names: { ...REPOSITORY_PATH, user: accountName },
});
