/**
 * What may be asked about users and about oneself.
 *
 * @module
 */

import { z } from "zod";
import { ROLES, TOKEN_SCOPES } from "@gitstratum/core/access";
import { apiOperation } from "./api_operation.ts";
import { accountName } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";

const TAG = "users";

/** The name in the path of a user. */
export const USER_PATH = { user: accountName };

/** A user as it is shown. */
export const userSchema = z.strictObject({
  id: z.string().describe("Never given to another user, also not to one of the same name"),
  name: z.string(),
  administrator: z.boolean(),
  disabled: z.boolean().describe("Kept out, with all that is theirs kept"),
  createdAt: z.iso.datetime(),
}).meta({ title: "User" });

/** Who asks, as they are shown to themselves. */
export const callerSchema = z.strictObject({
  kind: z.enum(["anonymous", "unguarded", "user", "deploy-key"])
    .describe("`unguarded`: the server asks nobody who they are, and lets everybody do everything"),
  name: z.string().optional(),
  administrator: z.boolean().optional(),
  credential: z.string().optional().describe("Id of the token or key"),
  scopes: z.array(z.enum(TOKEN_SCOPES)).optional().describe("What the token is for"),
  expiresAt: z.iso.datetime().optional(),
}).meta({ title: "Caller" });

/** A role that a user has. */
export const grantSchema = z.strictObject({
  on: z.enum(["repository", "owner"]),
  repository: z.string().optional().describe("Id of the repository"),
  owner: z.string().optional().describe("In all of whose repositories it holds"),
  role: z.enum(ROLES),
  createdAt: z.iso.datetime(),
}).meta({ title: "Grant" });

/** Shows who asks. */
export const getCaller = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/caller",
  summary: "Show who the server takes the caller for",
  asks: { on: "nothing" },
  answer: callerSchema,
});

/** Lists users. */
export const listUsers = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/users",
  summary: "List all users",
  asks: { on: "server" },
  query: PAGE_QUERY,
  answer: pageOf("users", userSchema),
});

/** Adds a user. */
export const createUser = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/users",
  summary: "Add a user",
  asks: { on: "server" },
  status: 201,
  location: "/users/{name}",
  body: z.strictObject({ name: accountName, administrator: z.boolean().default(false) })
    .meta({ title: "NewUser" }),
  answer: userSchema,
});

/** Shows a user. */
export const getUser = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/users/{user}",
  summary: "Show a user, to themselves or to administrators",
  asks: { on: "account" },
  names: USER_PATH,
  answer: userSchema,
});

/** Changes a user. */
export const updateUser = apiOperation({
  tag: TAG,
  method: "PATCH",
  path: "/users/{user}",
  summary: "Disable or enable a user, make them an administrator or no longer one",
  asks: { on: "server" },
  names: USER_PATH,
  body: z.strictObject({
    administrator: z.boolean().optional(),
    disabled: z.boolean().optional(),
  }).meta({ title: "UserChange" }),
  answer: userSchema,
});

/** Removes a user. */
export const deleteUser = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/users/{user}",
  summary: "Remove a user with their tokens, keys and roles; their repositories stay",
  asks: { on: "server" },
  names: USER_PATH,
});

/** Lists the roles of a user. */
export const listUserGrants = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/users/{user}/grants",
  summary: "List the roles that a user was given",
  asks: { on: "account" },
  names: USER_PATH,
  query: PAGE_QUERY,
  answer: pageOf("grants", grantSchema),
});
