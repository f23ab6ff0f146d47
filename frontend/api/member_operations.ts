/**
 * What may be asked about owners of repositories and about who has which role where.
 *
 * @module
 */

import { z } from "zod";
import { ROLES } from "@gitstratum/core/access";
import { apiOperation, type ApiQuestion } from "./api_operation.ts";
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

/** What may be asked about the members of something that has some. */
function memberOperations<const Asks extends ApiQuestion, Path extends z.ZodRawShape>(
  of: {
    /** Path of what has members. */
    readonly path: string;
    readonly names: Path;
    readonly asks: Asks;
    /** Where a member's role holds: "a repository". */
    readonly where: string;
    /** Where the listed ones hold. */
    readonly listed: string;
  },
) {
  const place = { tag: TAG, path: `${of.path}/members`, asks: of.asks };
  const one = { ...place, path: `${place.path}/{user}`, names: { ...of.names, user: accountName } };
  return {
    list: apiOperation({
      ...place,
      method: "GET",
      summary: `List who has a role in ${of.listed}`,
      names: of.names,
      query: PAGE_QUERY,
      answer: pageOf("members", memberSchema),
    }),
    set: apiOperation({
      ...one,
      method: "PUT",
      summary: `Give a user a role in ${of.where}, in place of the one before`,
      body: roleBody,
      answer: memberSchema,
    }),
    remove: apiOperation({
      ...one,
      method: "DELETE",
      summary: `Take a user's role in ${of.where} away`,
    }),
  };
}

const ofOwner = memberOperations({
  path: "/owners/{owner}",
  names: OWNER_PATH,
  asks: { on: "owner", operation: "manage-members" },
  where: "all repositories of an owner",
  listed: "all repositories of an owner",
});
const ofRepository = memberOperations({
  path: "/repos/{owner}/{name}",
  names: REPOSITORY_PATH,
  asks: { on: "repository", operation: "grant" },
  where: "a repository",
  listed: "a repository alone",
});

/** Lists the members of an owner. */
export const listOwnerMembers = ofOwner.list;
/** Gives a role in all repositories of an owner. */
export const setOwnerMember = ofOwner.set;
/** Takes a role away. */
export const deleteOwnerMember = ofOwner.remove;
/** Lists who has a role in one repository. */
export const listRepositoryMembers = ofRepository.list;
/** Gives a role in a repository. */
export const setRepositoryMember = ofRepository.set;
/** Takes a role away. */
export const deleteRepositoryMember = ofRepository.remove;
