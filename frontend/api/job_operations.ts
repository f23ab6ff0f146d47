/**
 * What CI jobs ask: a token for a token of theirs.
 *
 * @module
 */

import { z } from "zod";
import { ISSUER_TOKEN_LENGTH_MAX } from "@gitstratum/core";
import { apiOperation } from "./api_operation.ts";
import { repositoryName } from "./names.ts";

/** What a job is given, as it is shown once. */
export const jobTokenSchema = z.strictObject({
  id: z.string().describe("Names the token in logs"),
  token: z.string().describe("The secret: a password over HTTP, or a bearer token"),
  repository: z.string().describe("Id of the only repository that it is for"),
  role: z.enum(["read", "write"]),
  subject: z.string().describe("Whom the issuer said it speaks for"),
  expiresAt: z.iso.datetime(),
}).meta({ title: "JobToken" });

/** Exchanges a token. */
export const exchangeToken = apiOperation({
  tag: "machines",
  method: "POST",
  path: "/oidc/token",
  summary: "Exchange a CI job's token from its OpenID Connect issuer for one of a repository",
  description:
    "Nobody has to be known to ask: the issuer's token says who does. A trust of the repository has " +
    "to fit its claims. The token that is given lives for an hour and ends with the trust.",
  asks: { on: "nothing" },
  status: 201,
  body: z.strictObject({
    token: z.string().max(ISSUER_TOKEN_LENGTH_MAX).describe("The issuer's token, a JWT"),
    repository: repositoryName.optional().describe("Where trusts of several fit: for which"),
  }).meta({ title: "TokenExchange" }),
  answer: jobTokenSchema,
});
