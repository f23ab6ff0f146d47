/**
 * Schemas of access records: as they are stored, told to frontends, and answered.
 *
 * Members that a later release adds are kept, so that a change by this release does not lose them.
 *
 * @module
 */

import { z } from "zod";
import {
  type AccessRecord,
  type ClaimRule,
  type DeployKeyRecord,
  type GrantRecord,
  type GrantTarget,
  type IssuerRecord,
  type JobTokenRecord,
  type OpenPgpKeyRecord,
  type OwnerRecord,
  parseRecordId,
  parseUserId,
  type RecordId,
  type TokenRecord,
  type TrustRecord,
  type UserId,
  type UserKeyRecord,
  type UserRecord,
} from "../../access/access_record.ts";
import { type AccessTokenHash, isAccessTokenHash } from "../../access/access_token.ts";
import { type AccountName, parseAccountName } from "../../access/principal.ts";
import { type Role, ROLES, TOKEN_SCOPES, type TokenScope } from "../../access/role.ts";
import { GitStratumError } from "../../error.ts";
import {
  ACCESS_LABEL_LENGTH_MAX,
  ACCESS_URL_LENGTH_MAX,
  CLAIM_PATTERN_LENGTH_MAX,
  JOB_SUBJECT_LENGTH_MAX,
  TOKEN_REPOSITORY_COUNT_MAX,
  TRUST_CLAIM_COUNT_MAX,
} from "../../limits.ts";
import { parseRepositoryId, type RepositoryId } from "../ids.ts";

/** Text that a parser takes, without changing it. */
function checked<T extends string>(parse: (text: string) => T): z.ZodType<T> {
  return z.string().superRefine((text, context) => {
    try {
      parse(text);
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      const message = `${error.message}: ${String(error.data.reason ?? error.data.wanted)}`;
      context.addIssue({ code: "custom", message });
    }
  }) as unknown as z.ZodType<T>;
}

/** Text in one line of a log or a table: nothing that moves the cursor, turns or hides. */
function printable(lengthMax: number): z.ZodString {
  return z.string().max(lengthMax).regex(/^\P{C}*$/u, "Expect printable characters");
}

/** The name of a user or owner. */
export const accountNameSchema: z.ZodType<AccountName> = checked(parseAccountName);
/** The id of a user. */
export const userIdSchema: z.ZodType<UserId> = checked(parseUserId);
/** The id of a record. */
export const recordIdSchema: z.ZodType<RecordId> = checked(parseRecordId);
/** The id of a repository. */
export const repositoryIdSchema: z.ZodType<RepositoryId> = checked(parseRepositoryId);
/** What is stored of a token. */
export const tokenHashSchema: z.ZodType<AccessTokenHash> = z.string().refine(isAccessTokenHash, {
  message: "Expect the hash of a token",
}) as unknown as z.ZodType<AccessTokenHash>;
/** What somebody calls something. */
export const labelSchema: z.ZodType<string> = printable(ACCESS_LABEL_LENGTH_MAX);
/** Wall time in milliseconds since the epoch. */
export const timeMsSchema: z.ZodType<number> = z.int().nonnegative();
/** A role. */
export const roleSchema: z.ZodType<Role> = z.enum(ROLES);
/** A role that needs nobody behind it. */
export const smallRoleSchema: z.ZodType<Exclude<Role, "admin">> = z.enum(["read", "write"]);
/** Scopes of a token. */
export const scopesSchema: z.ZodType<readonly TokenScope[]> = z.array(z.enum(TOKEN_SCOPES))
  .max(TOKEN_SCOPES.length);
/** Repositories that a token is for. */
export const tokenRepositoriesSchema: z.ZodType<readonly RepositoryId[]> = z
  .array(repositoryIdSchema).max(TOKEN_REPOSITORY_COUNT_MAX);
/** An address of an issuer. */
export const urlSchema: z.ZodType<string> = printable(ACCESS_URL_LENGTH_MAX).min(1);
/** The audience that an issuer's tokens are to have. */
export const audienceSchema: z.ZodType<string> = printable(ACCESS_URL_LENGTH_MAX).min(1);
/** Whom an issuer's token speaks for. */
export const subjectSchema: z.ZodType<string> = printable(JOB_SUBJECT_LENGTH_MAX);
/** What claims are to be. */
export const claimRulesSchema: z.ZodType<readonly ClaimRule[]> = z.array(z.object({
  claim: printable(ACCESS_LABEL_LENGTH_MAX).min(1),
  pattern: printable(CLAIM_PATTERN_LENGTH_MAX).min(1),
})).min(1).max(TRUST_CLAIM_COUNT_MAX);

/** Where a grant holds. */
export const grantTargetSchema: z.ZodType<GrantTarget> = z.discriminatedUnion("on", [
  z.object({ on: z.literal("repository"), repository: repositoryIdSchema }),
  z.object({ on: z.literal("owner"), owner: accountNameSchema }),
]);

const createdAtMs = timeMsSchema;
const held = {
  id: recordIdSchema,
  label: labelSchema,
  createdAtMs,
  expiresAtMs: timeMsSchema.exactOptional(),
};
const publicKey = {
  ...held,
  type: z.string(),
  blob: z.string(),
  fingerprint: z.string(),
};

const user = z.looseObject({
  kind: z.literal("user"),
  id: userIdSchema,
  name: accountNameSchema,
  administrator: z.boolean(),
  disabled: z.boolean(),
  createdAtMs,
});
const owner = z.looseObject({ kind: z.literal("owner"), name: accountNameSchema, createdAtMs });
const token = z.looseObject({
  ...held,
  kind: z.literal("token"),
  user: userIdSchema,
  hash: tokenHashSchema,
  scopes: scopesSchema,
  repositories: tokenRepositoriesSchema.exactOptional(),
  notBeforeMs: timeMsSchema.exactOptional(),
});
const jobToken = z.looseObject({
  ...held,
  kind: z.literal("job-token"),
  hash: tokenHashSchema,
  trust: recordIdSchema,
  repository: repositoryIdSchema,
  role: smallRoleSchema,
  subject: subjectSchema,
  expiresAtMs: timeMsSchema,
});
const userKey = z.looseObject({ ...publicKey, kind: z.literal("user-key"), user: userIdSchema });
const deployKey = z.looseObject({
  ...publicKey,
  kind: z.literal("deploy-key"),
  repository: repositoryIdSchema,
  role: smallRoleSchema,
});
const openPgpKey = z.looseObject({
  ...publicKey,
  kind: z.literal("openpgp-key"),
  user: userIdSchema,
  keyIds: z.array(z.string()),
  keyEndsAtMs: timeMsSchema.exactOptional(),
});
const grant = z.looseObject({
  kind: z.literal("grant"),
  user: userIdSchema,
  target: grantTargetSchema,
  role: roleSchema,
  createdAtMs,
});
const issuer = z.looseObject({
  kind: z.literal("issuer"),
  id: recordIdSchema,
  url: urlSchema,
  audience: audienceSchema,
  keysUrl: urlSchema.exactOptional(),
  createdAtMs,
});
const trust = z.looseObject({
  kind: z.literal("trust"),
  id: recordIdSchema,
  issuer: recordIdSchema,
  repository: repositoryIdSchema,
  role: smallRoleSchema,
  claims: claimRulesSchema,
  label: labelSchema,
  createdAtMs,
});

/** Schema of {@link UserRecord}. */
export const userRecordSchema: z.ZodType<UserRecord> = user;
/** Schema of {@link OwnerRecord}. */
export const ownerRecordSchema: z.ZodType<OwnerRecord> = owner;
/** Schema of {@link TokenRecord}. */
export const tokenRecordSchema: z.ZodType<TokenRecord> = token;
/** Schema of {@link JobTokenRecord}. */
export const jobTokenRecordSchema: z.ZodType<JobTokenRecord> = jobToken;
/** Schema of {@link UserKeyRecord}. */
export const userKeyRecordSchema: z.ZodType<UserKeyRecord> = userKey;
/** Schema of {@link DeployKeyRecord}. */
export const deployKeyRecordSchema: z.ZodType<DeployKeyRecord> = deployKey;
/** Schema of {@link OpenPgpKeyRecord}. */
export const openPgpKeyRecordSchema: z.ZodType<OpenPgpKeyRecord> = openPgpKey;
/** Schema of {@link GrantRecord}. */
export const grantRecordSchema: z.ZodType<GrantRecord> = grant;
/** Schema of {@link IssuerRecord}. */
export const issuerRecordSchema: z.ZodType<IssuerRecord> = issuer;
/** Schema of {@link TrustRecord}. */
export const trustRecordSchema: z.ZodType<TrustRecord> = trust;

/** Schema of {@link AccessRecord}. */
export const accessRecordSchema: z.ZodType<AccessRecord> = z.discriminatedUnion("kind", [
  user,
  owner,
  token,
  jobToken,
  userKey,
  deployKey,
  openPgpKey,
  grant,
  issuer,
  trust,
]);
