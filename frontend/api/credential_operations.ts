/**
 * What may be asked about the tokens and keys of users.
 *
 * @module
 */

import { z } from "zod";
import { TOKEN_REPOSITORY_COUNT_MAX } from "@gitstratum/core";
import { TOKEN_SCOPES } from "@gitstratum/core/access";
import { apiOperation } from "./api_operation.ts";
import { recordId, repositoryName } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";
import { recordLabel, sshKeyLine, time } from "./values.ts";
import { USER_PATH } from "./user_operations.ts";

const TAG = "tokens and keys";

/** A token as it is shown. */
export const tokenSchema = z.strictObject({
  id: z.string().describe("Names the token in logs, and to take it away"),
  label: recordLabel,
  scopes: z.array(z.enum(TOKEN_SCOPES)),
  repositories: z.array(z.string()).optional()
    .describe("Ids of the only repositories that it is for; absent = all"),
  createdAt: z.iso.datetime(),
  notBefore: z.iso.datetime().optional(),
  expiresAt: z.iso.datetime().optional(),
}).meta({ title: "Token" });

/** A public key as it is shown. */
export const PUBLIC_KEY_SHAPE = {
  id: z.string(),
  label: recordLabel,
  type: z.string(),
  key: z.string().describe("The key in base 64, as it stands behind its type"),
  fingerprint: z.string().describe("As OpenSSH shows it, `SHA256:…`"),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
};

/** A user's key as it is shown. */
export const userKeySchema = z.strictObject(PUBLIC_KEY_SHAPE).meta({ title: "UserKey" });

/** What every key that is added has. */
export const NEW_KEY_SHAPE = {
  key: sshKeyLine,
  label: recordLabel.optional().describe("What people call it; the key's comment when absent"),
  expiresAt: time.optional(),
};

/** Lists tokens. */
export const listTokens = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/users/{user}/tokens",
  summary: "List the tokens of a user, without their secrets",
  asks: { on: "account" },
  names: USER_PATH,
  query: PAGE_QUERY,
  answer: pageOf("tokens", tokenSchema),
});

/** Makes a token. */
export const createToken = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/users/{user}/tokens",
  summary: "Make a token; the answer is the only place where it ever stands",
  description:
    "Whoever asks with a token can make one for as much as theirs is for, and no longer.",
  asks: { on: "account" },
  names: USER_PATH,
  status: 201,
  body: z.strictObject({
    label: recordLabel.default(""),
    scopes: z.array(z.enum(TOKEN_SCOPES)).min(1).max(TOKEN_SCOPES.length),
    repositories: z.array(repositoryName).min(1).max(TOKEN_REPOSITORY_COUNT_MAX).optional()
      .describe("The only repositories that it is for; absent = all"),
    notBefore: time.optional(),
    expiresAt: time.optional(),
  }).meta({ title: "NewToken" }),
  answer: z.strictObject({ ...tokenSchema.shape, token: z.string().describe("The secret") })
    .meta({ title: "MadeToken" }),
});

/** Takes a token away. */
export const deleteToken = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/users/{user}/tokens/{id}",
  summary: "Take a token away; it is worth nothing from then on",
  asks: { on: "account" },
  names: { ...USER_PATH, id: recordId },
});

/** Lists keys. */
export const listUserKeys = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/users/{user}/keys",
  summary: "List the SSH keys of a user",
  asks: { on: "account" },
  names: USER_PATH,
  query: PAGE_QUERY,
  answer: pageOf("keys", userKeySchema),
});

/** Adds a key. */
export const addUserKey = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/users/{user}/keys",
  summary: "Add an SSH key to a user",
  description: "A key is as good as its user for git, so a token that adds one is for " +
    "`repository:admin` too.",
  asks: { on: "account" },
  names: USER_PATH,
  status: 201,
  body: z.strictObject(NEW_KEY_SHAPE).meta({ title: "NewUserKey" }),
  answer: userKeySchema,
});

/** Takes a key away. */
export const deleteUserKey = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/users/{user}/keys/{id}",
  summary: "Take an SSH key away from a user",
  asks: { on: "account" },
  names: { ...USER_PATH, id: recordId },
});
