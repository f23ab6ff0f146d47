/**
 * Tokens and keys. No two records have the same hash or the same public key, whoever holds them.
 *
 * @module
 */

import {
  DEPLOY_KEY_COUNT_MAX,
  GitStratumError,
  USER_KEY_COUNT_MAX,
  USER_TOKEN_COUNT_MAX,
} from "@gitstratum/core";
import {
  type AccessRecord,
  type DeployKeyRecord,
  type MemoryAccessView,
  parseSshPublicKey,
  type RecordId,
  type RecordKey,
  recordKey,
  type TokenRecord,
  type UserKeyRecord,
} from "@gitstratum/core/access";
import type {
  Access,
  AddDeployKeyRequest,
  AddKeyRequest,
  AddUserKeyRequest,
  CreateTokenRequest,
  Done,
} from "@gitstratum/core/rpc/access";
import { type AccessLedger, type AccessPlan, repositoryKey } from "./access_ledger.ts";
import { missing, put, remove, userOf } from "./account_calls.ts";

/** The calls about tokens and keys. */
export type CredentialCalls = Pick<
  Access,
  | "createToken"
  | "removeToken"
  | "addUserKey"
  | "removeUserKey"
  | "addDeployKey"
  | "removeDeployKey"
>;

/** The calls about tokens and keys, decided by a ledger. */
export function credentialCalls(ledger: AccessLedger): CredentialCalls {
  return {
    createToken: (request, by) =>
      ledger.change((view) => planToken(view, request, ledger.nowMs()), by),
    removeToken: ({ user, id }, by) =>
      ledger.change((view) => {
        const token = find(view, "token", id);
        if (token?.user !== user) throw missing("token", { user, id });
        return done(token);
      }, by),
    addUserKey: (request, by) =>
      ledger.change((view) => planUserKey(view, request, ledger.nowMs()), by),
    removeUserKey: ({ user, id }, by) =>
      ledger.change((view) => {
        const key = find(view, "user-key", id);
        if (key?.user !== user) throw missing("key", { user, id });
        return done(key);
      }, by),
    addDeployKey: (request, by) =>
      ledger.change((view) => planDeployKey(view, request, ledger.nowMs()), by),
    removeDeployKey: ({ repository, id }, by) =>
      ledger.change((view) => {
        const key = find(view, "deploy-key", id);
        if (key?.repository !== repository) throw missing("key", { repository, id });
        return done(key);
      }, by),
  };
}

/** Kinds of records that are named by an id. */
type FoundKind = "token" | "user-key" | "openpgp-key" | "deploy-key" | "issuer" | "trust";

/** A record by its kind and id. */
export function find<Kind extends FoundKind>(
  view: MemoryAccessView,
  kind: Kind,
  id: RecordId,
): Extract<AccessRecord, { readonly kind: Kind }> | undefined {
  const record = view.get(`${kind}/${id}` as RecordKey);
  return record as Extract<AccessRecord, { readonly kind: Kind }> | undefined;
}

/** The plan that takes one record away. */
export function done(record: AccessRecord): AccessPlan<Done> {
  return { changes: [remove(record)], outcome: {} };
}

/** Refuses one more record of a kind. @throws `exhausted` */
export function checkCount(
  records: readonly AccessRecord[],
  options: { readonly kind: AccessRecord["kind"]; readonly countMax: number },
): void {
  const { kind, countMax } = options;
  if (records.filter((record) => record.kind === kind).length < countMax) return;
  throw new GitStratumError("exhausted", "Have too many of these already", {
    data: { kind, countMax },
  });
}

/** Refuses what ends before it begins. @throws `invalid` */
export function checkTimes(
  nowMs: number,
  times: {
    readonly notBeforeMs?: number | undefined;
    readonly expiresAtMs?: number | undefined;
  },
): void {
  const { notBeforeMs = nowMs, expiresAtMs } = times;
  if (expiresAtMs === undefined || expiresAtMs > Math.max(notBeforeMs, nowMs)) return;
  throw new GitStratumError("invalid", "Expect an end after the beginning, in the future", {
    data: { expiresAtMs, notBeforeMs, nowMs },
  });
}

/** Refuses a second record with the same secret. @throws `already-exists` */
export function checkNewHash(view: MemoryAccessView, request: Pick<TokenRecord, "hash" | "id">) {
  if (view.tokenByHash(request.hash) === undefined) return;
  throw new GitStratumError("already-exists", "Find that token already", {
    data: { id: request.id },
  });
}

function planToken(
  view: MemoryAccessView,
  request: CreateTokenRequest,
  nowMs: number,
): AccessPlan<TokenRecord> {
  const { id, user, hash, label, scopes, repositories, notBeforeMs, expiresAtMs } = request;
  userOf(view, user);
  const known = find(view, "token", id);
  if (known?.hash === hash && known.user === user) return { changes: [], outcome: known };
  checkNewId(known);
  checkNewHash(view, request);
  checkTimes(nowMs, request);
  checkCount(view.recordsOfUser(user), { kind: "token", countMax: USER_TOKEN_COUNT_MAX });
  const record: TokenRecord = {
    kind: "token",
    id,
    user,
    hash,
    label,
    scopes,
    createdAtMs: nowMs,
    ...(repositories === undefined ? {} : { repositories }),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
  return { changes: [put(record)], outcome: record };
}

function planUserKey(
  view: MemoryAccessView,
  request: AddUserKeyRequest,
  nowMs: number,
): AccessPlan<UserKeyRecord> {
  userOf(view, request.user);
  const facts = keyFacts(request, nowMs);
  const known = find(view, "user-key", request.id);
  const isKnown = known?.fingerprint === facts.fingerprint && known.user === request.user;
  if (isKnown) return { changes: [], outcome: known };
  checkNewId(known);
  checkNewKey(view, facts.fingerprint);
  checkTimes(nowMs, request);
  const records = view.recordsOfUser(request.user);
  checkCount(records, { kind: "user-key", countMax: USER_KEY_COUNT_MAX });
  const record: UserKeyRecord = { kind: "user-key", user: request.user, ...facts };
  return { changes: [put(record)], outcome: record };
}

function planDeployKey(
  view: MemoryAccessView,
  request: AddDeployKeyRequest,
  nowMs: number,
): AccessPlan<DeployKeyRecord> {
  const { repository, role } = request;
  const facts = keyFacts(request, nowMs);
  const known = find(view, "deploy-key", request.id);
  const isKnown = known?.fingerprint === facts.fingerprint && known.repository === repository;
  if (isKnown) return { changes: [], outcome: known };
  checkNewId(known);
  checkNewKey(view, facts.fingerprint);
  checkTimes(nowMs, request);
  const records = view.recordsOfRepository(repository);
  checkCount(records, { kind: "deploy-key", countMax: DEPLOY_KEY_COUNT_MAX });
  const record: DeployKeyRecord = { kind: "deploy-key", repository, role, ...facts };
  const touched = [recordKey(record), repositoryKey(repository)];
  return { changes: [put(record)], touched, outcome: record };
}

function keyFacts(request: AddKeyRequest, nowMs: number) {
  const { type, blob, fingerprint, comment } = parseSshPublicKey(request.key);
  const { id, label = comment, expiresAtMs } = request;
  const times = { createdAtMs: nowMs, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  return { id, label, type, blob, fingerprint, ...times };
}

/** Refuses a second record with the same id. @throws `already-exists` */
export function checkNewId(known: AccessRecord | undefined): void {
  if (known === undefined) return;
  throw new GitStratumError("already-exists", "Find a record with that id already", {
    data: { kind: known.kind },
  });
}

/** Who has the key is not told: it may be anybody. */
function checkNewKey(view: MemoryAccessView, fingerprint: string): void {
  if (view.keyByFingerprint(fingerprint) === undefined) return;
  throw new GitStratumError("already-exists", "Find that key in use already", {
    data: { fingerprint },
  });
}
