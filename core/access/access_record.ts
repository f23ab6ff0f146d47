/**
 * What is recorded of who may do what: users, owners, tokens, keys, grants, and the issuers whose word
 * is taken for CI jobs.
 *
 * Records name each other by id, so that whoever gets a name again gets nothing that went with it. A
 * record that names one which is gone is worth nothing: a token of no user lets nobody in.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { type Random, randomId } from "../random.ts";
import type { RepositoryId } from "../rpc/ids.ts";
import type { AccessTokenHash } from "./access_token.ts";
import type { AccountName } from "./principal.ts";
import type { Role, TokenScope } from "./role.ts";

/** 32 hexadecimal digits, drawn when a user is made: a later user of the same name has another. */
export type UserId = string & { readonly __brand: "UserId" };
/** 32 hexadecimal digits: names a token, a key, an issuer or a trust. */
export type RecordId = string & { readonly __brand: "RecordId" };
/** Names any record among all: its kind, a slash, what is unique within the kind. */
export type RecordKey = string & { readonly __brand: "RecordKey" };

/** A user. */
export interface UserRecord {
  /** Tells it from other records. */
  readonly kind: "user";
  /** Never given to another user. */
  readonly id: UserId;
  /** As its first writer spelled it; no two accounts differ in case alone. It never changes. */
  readonly name: AccountName;
  /** Whether they administer the server. */
  readonly administrator: boolean;
  /** Whether they are kept out, with all that is theirs kept. */
  readonly disabled: boolean;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** An owner of repositories that is no user: a team, a project. Its members have grants on it. */
export interface OwnerRecord {
  /** Tells it from other records. */
  readonly kind: "owner";
  /** As its first writer spelled it; no two accounts differ in case alone. It never changes. */
  readonly name: AccountName;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** What all that is shown in place of a person has in common. */
interface HeldRecord {
  /** Names it where it must not stand itself. */
  readonly id: RecordId;
  /** What its holder calls it. */
  readonly label: string;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Wall time from which on it is good for nothing; absent = never. */
  readonly expiresAtMs?: number;
}

/** A token of a user. */
export interface TokenRecord extends HeldRecord {
  /** Tells it from other records. */
  readonly kind: "token";
  /** Whose it is. */
  readonly user: UserId;
  /** What is stored of the token itself. */
  readonly hash: AccessTokenHash;
  /** What it may be used for. */
  readonly scopes: readonly TokenScope[];
  /** The only repositories that it is for; absent = all. */
  readonly repositories?: readonly RepositoryId[];
  /** Wall time before which it is good for nothing; absent = at once. */
  readonly notBeforeMs?: number;
}

/** A short-lived token of a CI job, of no user: see {@link TrustRecord}. */
export interface JobTokenRecord extends HeldRecord {
  /** Tells it from other records. */
  readonly kind: "job-token";
  /** What is stored of the token itself. */
  readonly hash: AccessTokenHash;
  /** The trust by which it was given: when that is gone, it is worth nothing. */
  readonly trust: RecordId;
  /** The only repository that it is for. */
  readonly repository: RepositoryId;
  /** What it may do there. */
  readonly role: Exclude<Role, "admin">;
  /** Whom its issuer said it speaks for (`sub`). */
  readonly subject: string;
  /** A job's token always ends. */
  readonly expiresAtMs: number;
}

/** What is recorded of a public key. */
interface PublicKeyRecord extends HeldRecord {
  /** Algorithm, `ssh-ed25519`. */
  readonly type: string;
  /** The key as it goes over the wire, in base 64. */
  readonly blob: string;
  /** As OpenSSH shows it. No two records have the same. */
  readonly fingerprint: string;
}

/** A key that is as good as its user. */
export interface UserKeyRecord extends PublicKeyRecord {
  /** Tells it from other records. */
  readonly kind: "user-key";
  /** Whose it is. */
  readonly user: UserId;
}

/** A key of one repository, of no user. */
export interface DeployKeyRecord extends PublicKeyRecord {
  /** Tells it from other records. */
  readonly kind: "deploy-key";
  /** The only repository that it is for. */
  readonly repository: RepositoryId;
  /** What it may do there. */
  readonly role: Exclude<Role, "admin">;
}

/** An OpenPGP key of a user: signs commits, and lets nobody in. */
export interface OpenPgpKeyRecord extends HeldRecord {
  /** Tells it from other records. */
  readonly kind: "openpgp-key";
  /** Whose it is. */
  readonly user: UserId;
  /** Algorithm of the primary key, `ed25519` or `rsa4096`. */
  readonly type: string;
  /** What signatures are checked with, in base 64: see `openpgp_key.ts`. */
  readonly blob: string;
  /** Of the primary key, in hexadecimal digits. No two records have the same. */
  readonly fingerprint: string;
  /** Ids of its keys that may sign, of 16 hexadecimal digits. No two records share one. */
  readonly keyIds: readonly string[];
  /** Wall time from which on nothing that it signs counts, by its own word; absent = never. */
  readonly keyEndsAtMs?: number;
}

/** What a grant is on: one repository, or all of an owner's. */
export type GrantTarget =
  | { readonly on: "repository"; readonly repository: RepositoryId }
  /** The owner may be a user, who shares all that is theirs. */
  | { readonly on: "owner"; readonly owner: AccountName };

/** A role that a user was given. A grant on an owner makes its user a member. */
export interface GrantRecord {
  /** Tells it from other records. */
  readonly kind: "grant";
  /** Who was given it. */
  readonly user: UserId;
  /** Where it holds. */
  readonly target: GrantTarget;
  /** What was given. */
  readonly role: Role;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** An OpenID Connect issuer whose tokens may be exchanged for ours, where a trust says so. */
export interface IssuerRecord {
  /** Tells it from other records. */
  readonly kind: "issuer";
  /** Names it in trusts. */
  readonly id: RecordId;
  /** The claim `iss` of its tokens, to the letter; no two records have the same. */
  readonly url: string;
  /** The claim `aud` that its tokens must have. */
  readonly audience: string;
  /** Where its keys are; absent = as its discovery document says. */
  readonly keysUrl?: string;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** What a claim of an issuer's token must be. */
export interface ClaimRule {
  /** Its name, `ref`. */
  readonly claim: string;
  /** What it must be: `*` stands for any characters but `/`, `**` for any characters at all. */
  readonly pattern: string;
}

/** Which tokens of an issuer are exchanged for a token of one repository. */
export interface TrustRecord {
  /** Tells it from other records. */
  readonly kind: "trust";
  /** Names it. */
  readonly id: RecordId;
  /** Whose tokens. */
  readonly issuer: RecordId;
  /** The only repository that the token given is for. */
  readonly repository: RepositoryId;
  /** What it may do there. */
  readonly role: Exclude<Role, "admin">;
  /** All of them hold. There is at least one: an issuer speaks for strangers, too. */
  readonly claims: readonly ClaimRule[];
  /** What its maker calls it. */
  readonly label: string;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** Any record. */
export type AccessRecord =
  | UserRecord
  | OwnerRecord
  | TokenRecord
  | JobTokenRecord
  | UserKeyRecord
  | DeployKeyRecord
  | OpenPgpKeyRecord
  | GrantRecord
  | IssuerRecord
  | TrustRecord;

/** One step from some records to later ones. */
export type AccessChange =
  /** The record is new, or in place of the one with the same key. */
  | { readonly kind: "put"; readonly record: AccessRecord }
  | { readonly kind: "remove"; readonly key: RecordKey };

const ID = /^[0-9a-f]{32}$/;

/** Checks the id of a user. @throws `invalid` */
export function parseUserId(text: string): UserId {
  return checkId(text, "user id") as UserId;
}

/** Checks the id of a record. @throws `invalid` */
export function parseRecordId(text: string): RecordId {
  return checkId(text, "record id") as RecordId;
}

/** Draws the id of a new user. */
export function newUserId(random: Random): UserId {
  return randomId(random) as UserId;
}

/** Draws the id of a new record. */
export function newRecordId(random: Random): RecordId {
  return randomId(random) as RecordId;
}

/** Two names stand for the same account when these are equal. */
export function foldedName(name: string): string {
  return name.toLowerCase();
}

/** Where a grant holds, as text: equal for equal targets. */
export function grantTargetKey(target: GrantTarget): string {
  return target.on === "owner"
    ? `owner/${foldedName(target.owner)}`
    : `repository/${target.repository}`;
}

/** The key of a record; records with the same key are the same thing at different times. */
export function recordKey(record: AccessRecord): RecordKey {
  switch (record.kind) {
    case "owner":
      return `owner/${foldedName(record.name)}` as RecordKey;
    case "grant":
      return `grant/${grantTargetKey(record.target)}/${record.user}` as RecordKey;
    default:
      return `${record.kind}/${record.id}` as RecordKey;
  }
}

function checkId(text: string, wanted: string): string {
  if (ID.test(text)) return text;
  throw new GitStratumError("invalid", "Expect an identifier", {
    data: { wanted, found: text.slice(0, 80) },
  });
}
