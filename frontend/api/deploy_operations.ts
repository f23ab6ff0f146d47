/**
 * What may be asked about the machines that use a repository: deploy keys, and CI jobs that show a token
 * of an OpenID Connect issuer.
 *
 * @module
 */

import { z } from "zod";
import {
  ACCESS_LABEL_LENGTH_MAX,
  ACCESS_URL_LENGTH_MAX,
  CLAIM_PATTERN_LENGTH_MAX,
  TRUST_CLAIM_COUNT_MAX,
} from "@gitstratum/core";
import { apiOperation } from "./api_operation.ts";
import { NEW_KEY_SHAPE, PUBLIC_KEY_SHAPE } from "./credential_operations.ts";
import { recordId, REPOSITORY_PATH } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";

const TAG = "machines";

const role = z.enum(["read", "write"]);
const url = z.url({ protocol: /^https?$/ }).max(ACCESS_URL_LENGTH_MAX);

/** A deploy key as it is shown. */
export const deployKeySchema = z.strictObject({ ...PUBLIC_KEY_SHAPE, role })
  .meta({ title: "DeployKey" });

/** An issuer as it is shown. */
export const issuerSchema = z.strictObject({
  id: z.string(),
  url: z.string().describe("The claim `iss` of its tokens, to the letter"),
  audience: z.string().describe("The claim `aud` that its tokens must have"),
  keysUrl: z.string().optional()
    .describe("Where its keys are; absent = as its discovery document says"),
  createdAt: z.iso.datetime(),
}).meta({ title: "Issuer" });

const claims = z.array(z.strictObject({
  claim: z.string().min(1).max(ACCESS_LABEL_LENGTH_MAX),
  pattern: z.string().min(1).max(CLAIM_PATTERN_LENGTH_MAX)
    .describe("`*` stands for any characters but `/`, `**` for any characters"),
})).min(1).max(TRUST_CLAIM_COUNT_MAX).describe("All of them hold");

/** A trust as it is shown. */
export const trustSchema = z.strictObject({
  id: z.string(),
  issuer: z.string().describe("Id of the issuer"),
  role,
  claims,
  label: z.string(),
  createdAt: z.iso.datetime(),
}).meta({ title: "Trust" });

/** Lists deploy keys. */
export const listDeployKeys = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/keys",
  summary: "List the deploy keys of a repository",
  asks: { on: "repository", operation: "grant" },
  names: REPOSITORY_PATH,
  query: PAGE_QUERY,
  answer: pageOf("keys", deployKeySchema),
});

/** Adds a deploy key. */
export const addDeployKey = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos/{owner}/{name}/keys",
  summary: "Add a deploy key to a repository",
  asks: { on: "repository", operation: "grant" },
  names: REPOSITORY_PATH,
  status: 201,
  body: z.strictObject({ ...NEW_KEY_SHAPE, role: role.default("read") })
    .meta({ title: "NewDeployKey" }),
  answer: deployKeySchema,
});

/** Takes a deploy key away. */
export const deleteDeployKey = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/repos/{owner}/{name}/keys/{id}",
  summary: "Take a deploy key away from a repository",
  asks: { on: "repository", operation: "grant" },
  names: { ...REPOSITORY_PATH, id: recordId },
});

/** Lists issuers. */
export const listIssuers = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/issuers",
  summary: "List the OpenID Connect issuers whose tokens may be exchanged",
  asks: { on: "server" },
  query: PAGE_QUERY,
  answer: pageOf("issuers", issuerSchema),
});

/** Makes an issuer known. */
export const createIssuer = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/issuers",
  summary: "Make an OpenID Connect issuer known",
  asks: { on: "server" },
  status: 201,
  body: z.strictObject({
    url: url.describe("The claim `iss` of its tokens, to the letter"),
    audience: z.string().min(1).max(ACCESS_URL_LENGTH_MAX),
    keysUrl: url.optional(),
  }).meta({ title: "NewIssuer" }),
  answer: issuerSchema,
});

/** Forgets an issuer. */
export const deleteIssuer = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/issuers/{id}",
  summary: "Forget an issuer, with all trusts in it and tokens given by them",
  asks: { on: "server" },
  names: { id: recordId },
});

/** Lists trusts. */
export const listTrusts = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/trusts",
  summary: "List which tokens of issuers are exchanged for tokens of a repository",
  asks: { on: "repository", operation: "grant" },
  names: REPOSITORY_PATH,
  query: PAGE_QUERY,
  answer: pageOf("trusts", trustSchema),
});

/** Gives a trust. */
export const createTrust = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/repos/{owner}/{name}/trusts",
  summary: "Let tokens of an issuer be exchanged for tokens of a repository",
  asks: { on: "repository", operation: "grant" },
  names: REPOSITORY_PATH,
  status: 201,
  body: z.strictObject({
    issuer: recordId.describe("Id of the issuer"),
    role: role.default("read"),
    claims,
    label: z.string().max(ACCESS_LABEL_LENGTH_MAX).default(""),
  }).meta({ title: "NewTrust" }),
  answer: trustSchema,
});

/** Takes a trust away. */
export const deleteTrust = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/repos/{owner}/{name}/trusts/{id}",
  summary: "Take a trust away, with all tokens given by it",
  asks: { on: "repository", operation: "grant" },
  names: { ...REPOSITORY_PATH, id: recordId },
});
