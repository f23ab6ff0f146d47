/**
 * Answers what is asked about the tokens and keys of users.
 *
 * A credential never gives more than it has: who asks with a token makes no token that is good for
 * more, or for longer, and adds no key without the scope for all that a key can do.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError } from "@gitstratum/core";
import {
  type Principal,
  roleIncludes,
  roleOfScopes,
  type TokenRecord,
  type TokenScope,
  type UserKeyRecord,
} from "@gitstratum/core/access";
import type { RepositoryId, RepositoryName } from "@gitstratum/core/rpc";
import type { Asker } from "../access/asker.ts";
import type { RepositoryGate } from "../access/repository_gate.ts";
import type { Accounts } from "./accounts.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { tokenSchema, userKeySchema } from "./credential_operations.ts";
import { shownPeriod } from "./values.ts";

/** What they work with. */
export interface CredentialHandlerOptions {
  /** The store. */
  readonly accounts: Accounts;
  /** Finds the repositories that a token is to be for. */
  readonly repositories: RepositoryGate;
}

type CredentialOperationId =
  | "listTokens"
  | "createToken"
  | "deleteToken"
  | "listUserKeys"
  | "addUserKey"
  | "deleteUserKey";

/** The handlers. */
export function credentialHandlers(
  options: CredentialHandlerOptions,
): ApiHandlersOf<CredentialOperationId> {
  const { accounts } = options;
  return { ...tokenHandlers(options), ...keyHandlers(accounts) };
}

function tokenHandlers(
  { accounts, repositories }: CredentialHandlerOptions,
): ApiHandlersOf<"listTokens" | "createToken" | "deleteToken"> {
  return {
    async listTokens({ path, query }) {
      const user = await accounts.userId(path.user);
      const { entries: tokens, ...rest } = await accounts.page(query, `tokens ${user}`, {
        list: (page) => accounts.calls.listTokens({ ...page, user }),
        shown: shownToken,
      });
      return { tokens, ...rest };
    },
    async createToken({ path, body, asker, provenance, signal }) {
      const { label, scopes, repositories: names, notBefore, expiresAt } = body;
      const expiresAtMs = endOf(asker.principal(), expiresAt);
      checkScopes(asker.principal(), scopes);
      checkPeriod({ notBefore, expiresAtMs, nowMs: provenance.atMs });
      const find = (name: RepositoryName) => idOf(name, { repositories, asker, signal });
      const { token, record } = await accounts.by(provenance).client.makeToken({
        user: await accounts.userId(path.user),
        label,
        scopes: [...new Set(scopes)],
        ...(names === undefined ? {} : { repositories: await Promise.all(names.map(find)) }),
        ...(notBefore === undefined ? {} : { notBeforeMs: notBefore }),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      });
      return { ...shownToken(record), token };
    },
    async deleteToken({ path, provenance }) {
      const user = await accounts.userId(path.user);
      await accounts.by(provenance).calls.removeToken({ user, id: path.id });
    },
  };
}

function keyHandlers(
  accounts: Accounts,
): ApiHandlersOf<"listUserKeys" | "addUserKey" | "deleteUserKey"> {
  return {
    async listUserKeys({ path, query }) {
      const user = await accounts.userId(path.user);
      const { entries: keys, ...rest } = await accounts.page(query, `keys ${user}`, {
        list: (page) => accounts.calls.listUserKeys({ ...page, user }),
        shown: shownUserKey,
      });
      return { keys, ...rest };
    },
    async addUserKey({ path, body: { key, label, expiresAt }, asker, provenance }) {
      const expiresAtMs = endOf(asker.principal(), expiresAt);
      checkScopes(asker.principal(), ["repository:admin"]);
      const record = await accounts.by(provenance).calls.addUserKey({
        id: accounts.client.newRecordId(),
        user: await accounts.userId(path.user),
        key,
        ...(label === undefined ? {} : { label }),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      });
      return shownUserKey(record);
    },
    async deleteUserKey({ path, provenance }) {
      const user = await accounts.userId(path.user);
      await accounts.by(provenance).calls.removeUserKey({ user, id: path.id });
    },
  };
}

/** A repository that the caller may read, by its id. @throws `not-found` */
async function idOf(
  name: RepositoryName,
  parts: {
    readonly repositories: RepositoryGate;
    readonly asker: Asker;
    readonly signal: AbortSignal;
  },
): Promise<RepositoryId> {
  const { repositories, asker, signal } = parts;
  const found = await repositories.find(name, { asker, operation: "read", signal });
  return found.repositoryId;
}

/** When what is made ends: as it was asked for, and not after the token that it is made with. */
export function endOf(principal: Principal, wanted: number | undefined): number | undefined {
  const credential = principal.kind === "user" ? principal.credential : undefined;
  const ownEnd = credential?.kind === "token" ? credential.expiresAtMs : undefined;
  if (ownEnd === undefined) return wanted;
  return Math.min(wanted ?? ownEnd, ownEnd);
}

/** Refuses to give more than the token is for that asks. @throws `denied` */
export function checkScopes(principal: Principal, wanted: readonly TokenScope[]): void {
  const credential = principal.kind === "user" ? principal.credential : undefined;
  if (credential?.kind !== "token") return;
  const { scopes } = credential;
  const others = wanted.filter((scope) => !scopes.includes(scope));
  const role = roleOfScopes(others);
  const isCovered = others.every((scope) => scope.startsWith("repository:")) &&
    (role === undefined || roleIncludes(roleOfScopes(scopes), role));
  if (isCovered) return;
  throw new GitStratumError("denied", "Give no more than the token is for that asks", {
    data: { scopes: others.join(" ") },
  });
}

function checkPeriod(
  period: {
    readonly notBefore: number | undefined;
    readonly expiresAtMs: number | undefined;
    readonly nowMs: number;
  },
): void {
  const { notBefore, expiresAtMs = Infinity, nowMs } = period;
  if (expiresAtMs > Math.max(nowMs, notBefore ?? 0)) return;
  throw new GitStratumError("invalid", "Expect a token to end after it begins", {
    data: { expiresAtMs, ...(notBefore === undefined ? {} : { notBeforeMs: notBefore }), nowMs },
  });
}

function shownToken(token: TokenRecord): z.output<typeof tokenSchema> {
  const { id, label, scopes, repositories } = token;
  return {
    id,
    label,
    scopes: [...scopes],
    ...(repositories === undefined ? {} : { repositories: [...repositories] }),
    ...shownPeriod(token),
  };
}

function shownUserKey(record: UserKeyRecord): z.output<typeof userKeySchema> {
  const { id, label, type, blob: key, fingerprint } = record;
  return { id, label, type, key, fingerprint, ...shownPeriod(record) };
}
