/**
 * The calls of the access store on the wire: one table for client and service.
 *
 * A call is `POST /control/v1/access/NAME?body=SHA256` with a JSON body; the answer holds a revision
 * that every view with it knows the outcome, and the outcome. Calls that change something name the basis
 * that was asked for them. The digest stands in the request line
 * because that is what the token of a node signs: nobody on the way can put another body there.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import type { AccessRecord } from "../../access/access_record.ts";
import { OPENPGP_KEY_LENGTH_MAX } from "../../access_limits.ts";
import { ACCESS_PAGE_COUNT_MAX, SSH_PUBLIC_KEY_LENGTH_MAX } from "../../limits.ts";
import { basisSchema, type ChangeBasis } from "../control_basis.ts";
import { type Provenance, provenanceSchema } from "../metadata/provenance.ts";
import type { Access, Page } from "./access.ts";
import {
  accountNameSchema,
  audienceSchema,
  claimRulesSchema,
  deployKeyRecordSchema,
  grantRecordSchema,
  grantTargetSchema,
  issuerRecordSchema,
  jobTokenRecordSchema,
  labelSchema,
  openPgpKeyRecordSchema,
  ownerRecordSchema,
  recordIdSchema,
  repositoryIdSchema,
  roleSchema,
  scopesSchema,
  smallRoleSchema,
  subjectSchema,
  timeMsSchema,
  tokenHashSchema,
  tokenRecordSchema,
  tokenRepositoriesSchema,
  trustRecordSchema,
  urlSchema,
  userIdSchema,
  userKeyRecordSchema,
  userRecordSchema,
} from "./record_schema.ts";

/** What calls are below. */
export const ACCESS_PATH = "/control/v1/access";

/** Where a control node tells the basis of a call. */
export const ACCESS_BASIS_PATH: string = `${ACCESS_PATH}/basis`;

/** The name of a call. */
export type AccessCallName = keyof Access;
/** What a call is given. */
export type AccessRequest<Name extends AccessCallName> = Parameters<Access[Name]>[0];
/** What a call resolves to. */
export type AccessOutcome<Name extends AccessCallName> = Awaited<ReturnType<Access[Name]>>;

/** Both ends of a call. */
export interface AccessCall<Name extends AccessCallName> {
  /** What is sent. */
  readonly request: z.ZodType<AccessRequest<Name>>;
  /** What is answered. */
  readonly outcome: z.ZodType<AccessOutcome<Name>>;
}

/** What is sent to the service. */
export interface AccessBody<T> extends ChangeBasis {
  /** What the call is given. */
  readonly request: T;
  /** Who asked for it. */
  readonly provenance?: Provenance;
}

/** Schema of what is sent with a request of a schema. */
export function accessBodySchema<T>(request: z.ZodType<T>): z.ZodType<AccessBody<T>> {
  return z.object({
    request,
    provenance: provenanceSchema.exactOptional(),
    basis: basisSchema.exactOptional(),
  }) as unknown as z.ZodType<AccessBody<T>>;
}

/** What the service answers. */
export interface AccessAnswer<T> {
  /** A view that reached it knows what the call did. */
  readonly revision: number;
  /** What came of it. */
  readonly outcome: T;
}

/** Digest of a body, as it stands in the request line. */
export function bodyDigest(body: string | Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Schema of what is answered to a call. */
export function accessAnswerSchema<T>(outcome: z.ZodType<T>): z.ZodType<AccessAnswer<T>> {
  return z.object({ revision: z.int().nonnegative(), outcome }) as unknown as z.ZodType<
    AccessAnswer<T>
  >;
}

const done = z.object({}) as unknown as z.ZodType<Readonly<Record<string, never>>>;
const page = {
  after: z.string().max(200).exactOptional(),
  limit: z.int().min(1).max(ACCESS_PAGE_COUNT_MAX).exactOptional(),
};
const ofUser = z.object({ ...page, user: userIdSchema });
const ofRepository = z.object({ ...page, repository: repositoryIdSchema });
const named = z.object({ name: z.string().max(200) });
const userAndId = z.object({ user: userIdSchema, id: recordIdSchema });
const repositoryAndId = z.object({ repository: repositoryIdSchema, id: recordIdSchema });
const key = {
  id: recordIdSchema,
  key: z.string().max(SSH_PUBLIC_KEY_LENGTH_MAX),
  label: labelSchema.exactOptional(),
  expiresAtMs: timeMsSchema.exactOptional(),
};
const scopes = scopesSchema.refine(
  (list) => list.length > 0 && new Set(list).size === list.length,
  {
    message: "Expect scopes, none of them twice",
  },
);

function pageOf<T extends AccessRecord>(record: z.ZodType<T>): z.ZodType<Page<T>> {
  return z.object({
    records: z.array(record).max(ACCESS_PAGE_COUNT_MAX),
    next: z.string().exactOptional(),
  }) as unknown as z.ZodType<Page<T>>;
}

/** Every call. */
export const ACCESS_CALLS: { readonly [Name in AccessCallName]: AccessCall<Name> } = {
  claimFirstAdministrator: {
    request: z.object({
      user: userIdSchema,
      name: accountNameSchema,
      token: recordIdSchema,
      hash: tokenHashSchema,
    }),
    outcome: z.object({ claimed: z.boolean() }),
  },
  findUser: { request: named, outcome: userRecordSchema },
  findOwner: { request: named, outcome: ownerRecordSchema },
  createUser: {
    request: z.object({
      id: userIdSchema,
      name: accountNameSchema,
      administrator: z.boolean(),
    }),
    outcome: userRecordSchema,
  },
  changeUser: {
    request: z.object({
      user: userIdSchema,
      administrator: z.boolean().exactOptional(),
      disabled: z.boolean().exactOptional(),
    }),
    outcome: userRecordSchema,
  },
  removeUser: { request: z.object({ user: userIdSchema }), outcome: done },
  createOwner: { request: z.object({ name: accountNameSchema }), outcome: ownerRecordSchema },
  removeOwner: { request: named, outcome: done },
  createToken: {
    request: z.object({
      id: recordIdSchema,
      user: userIdSchema,
      hash: tokenHashSchema,
      label: labelSchema,
      scopes,
      repositories: tokenRepositoriesSchema.exactOptional(),
      notBeforeMs: timeMsSchema.exactOptional(),
      expiresAtMs: timeMsSchema.exactOptional(),
    }),
    outcome: tokenRecordSchema,
  },
  removeToken: { request: userAndId, outcome: done },
  addUserKey: {
    request: z.object({ ...key, user: userIdSchema }),
    outcome: userKeyRecordSchema,
  },
  removeUserKey: { request: userAndId, outcome: done },
  addOpenPgpKey: {
    request: z.object({
      ...key,
      key: z.string().max(OPENPGP_KEY_LENGTH_MAX),
      user: userIdSchema,
    }),
    outcome: openPgpKeyRecordSchema,
  },
  removeOpenPgpKey: { request: userAndId, outcome: done },
  addDeployKey: {
    request: z.object({ ...key, repository: repositoryIdSchema, role: smallRoleSchema }),
    outcome: deployKeyRecordSchema,
  },
  removeDeployKey: { request: repositoryAndId, outcome: done },
  setGrant: {
    request: z.object({ user: userIdSchema, target: grantTargetSchema, role: roleSchema }),
    outcome: grantRecordSchema,
  },
  removeGrant: {
    request: z.object({ user: userIdSchema, target: grantTargetSchema }),
    outcome: done,
  },
  removeRepository: { request: z.object({ repository: repositoryIdSchema }), outcome: done },
  createIssuer: {
    request: z.object({
      id: recordIdSchema,
      url: urlSchema,
      audience: audienceSchema,
      keysUrl: urlSchema.exactOptional(),
    }),
    outcome: issuerRecordSchema,
  },
  removeIssuer: { request: z.object({ id: recordIdSchema }), outcome: done },
  createTrust: {
    request: z.object({
      id: recordIdSchema,
      issuer: recordIdSchema,
      repository: repositoryIdSchema,
      role: smallRoleSchema,
      claims: claimRulesSchema,
      label: labelSchema,
    }),
    outcome: trustRecordSchema,
  },
  removeTrust: { request: repositoryAndId, outcome: done },
  createJobToken: {
    request: z.object({
      id: recordIdSchema,
      hash: tokenHashSchema,
      trust: recordIdSchema,
      subject: subjectSchema,
      label: labelSchema,
      expiresAtMs: timeMsSchema,
    }),
    outcome: jobTokenRecordSchema,
  },
  listUsers: { request: z.object(page), outcome: pageOf(userRecordSchema) },
  listOwners: { request: z.object(page), outcome: pageOf(ownerRecordSchema) },
  listIssuers: { request: z.object(page), outcome: pageOf(issuerRecordSchema) },
  listTokens: { request: ofUser, outcome: pageOf(tokenRecordSchema) },
  listUserKeys: { request: ofUser, outcome: pageOf(userKeyRecordSchema) },
  listOpenPgpKeys: { request: ofUser, outcome: pageOf(openPgpKeyRecordSchema) },
  listDeployKeys: { request: ofRepository, outcome: pageOf(deployKeyRecordSchema) },
  listGrants: {
    request: z.union([ofUser, z.object({ ...page, target: grantTargetSchema })]),
    outcome: pageOf(grantRecordSchema),
  },
  listTrusts: { request: ofRepository, outcome: pageOf(trustRecordSchema) },
};
