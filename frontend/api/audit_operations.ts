/**
 * What may be asked about who did what.
 *
 * @module
 */

import { z } from "zod";
import { apiOperation } from "./api_operation.ts";
import { accountName, REPOSITORY_PATH } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";
import { time } from "./values.ts";

const TAG = "audit trail";

/** An entry of the trail as it is shown. */
export const auditEventSchema = z.strictObject({
  id: z.string(),
  at: z.iso.datetime(),
  kind: z.string().describe("What was done: `reference-updated`, `token-created`, …"),
  repository: z.strictObject({ id: z.string(), name: z.string() }).optional()
    .describe("To which repository, under its name of that time"),
  owner: z.string().optional().describe("Whose that is, or the account that it was done to"),
  by: z.strictObject({
    user: z.string().optional(),
    userId: z.string().optional(),
    credential: z.strictObject({ kind: z.string(), id: z.string() }).optional(),
    remoteAddress: z.string().optional(),
    agent: z.string().optional(),
    transport: z.string(),
  }).optional().describe("Who did it, by which key or token, from where"),
  details: z.record(z.string(), z.unknown()).describe("What else is known, by kind"),
}).meta({ title: "AuditEvent" });

const QUERY = {
  ...PAGE_QUERY,
  user: accountName.optional().describe("Only what this user did"),
  since: time.optional().describe("Not before this time"),
  until: time.optional().describe("Before this time"),
};

const answer = pageOf("events", auditEventSchema);

/** Lists what was done on the server. */
export const listAuditEvents = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/audit",
  summary: "List who did what on the server, the newest first",
  asks: { on: "server" },
  query: QUERY,
  answer,
});

/** Lists what was done to a repository. */
export const listRepositoryAuditEvents = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/repos/{owner}/{name}/audit",
  summary: "List who did what to a repository, the newest first",
  asks: { on: "repository", operation: "audit" },
  names: REPOSITORY_PATH,
  query: QUERY,
  answer,
});

/** Lists what was done to an owner. */
export const listOwnerAuditEvents = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/owners/{owner}/audit",
  summary: "List who did what to an owner and their repositories, the newest first",
  asks: { on: "owner", operation: "manage-members" },
  names: { owner: accountName },
  query: QUERY,
  answer,
});
