/**
 * Roles that users are given in repositories and owners.
 *
 * @module
 */

import { USER_GRANT_COUNT_MAX } from "@gitstratum/core";
import {
  type GrantRecord,
  type GrantTarget,
  grantTargetKey,
  type MemoryAccessView,
  parseAccountName,
  recordKey,
  type UserId,
} from "@gitstratum/core/access";
import type { Access } from "@gitstratum/core/rpc/access";
import { type AccessLedger, accountKey, repositoryKey, type TouchedKey } from "./access_ledger.ts";
import { missing, put, userOf } from "./account_calls.ts";
import { checkCount, done } from "./credential_calls.ts";

/** The calls about grants. */
export type GrantCalls = Pick<Access, "setGrant" | "removeGrant" | "removeRepository">;

/** The calls about grants, decided by a ledger. */
export function grantCalls(ledger: AccessLedger): GrantCalls {
  return {
    setGrant: ({ user, target, role }, by) =>
      ledger.change((view) => {
        userOf(view, user);
        const spelled = spelledTarget(view, target);
        const known = findGrant(view, { user, target });
        if (known?.role === role) return { changes: [], outcome: known };
        if (known === undefined) {
          const records = view.recordsOfUser(user);
          checkCount(records, { kind: "grant", countMax: USER_GRANT_COUNT_MAX });
        }
        const createdAtMs = ledger.nowMs();
        const grant: GrantRecord = { kind: "grant", user, target: spelled, role, createdAtMs };
        const touched = [recordKey(grant), targetKey(spelled)];
        return { changes: [put(grant)], touched, outcome: grant };
      }, by),
    removeGrant: ({ user, target }, by) =>
      ledger.change((view) => {
        const grant = findGrant(view, { user, target });
        if (grant === undefined) throw missing("grant", { user, target: grantTargetKey(target) });
        return done(grant);
      }, by),
    async removeRepository({ repository }, by) {
      const plan = (view: MemoryAccessView) => ({
        first: [],
        removed: view.recordsOfRepository(repository),
        last: [],
        gone: [repositoryKey(repository)],
      });
      await ledger.removeAll(plan, by);
      return {};
    },
  };
}

function targetKey(target: GrantTarget): TouchedKey {
  return target.on === "repository" ? repositoryKey(target.repository) : accountKey(target.owner);
}

/** A target as its account is spelled. @throws `not-found` without such an account */
export function spelledTarget(view: MemoryAccessView, target: GrantTarget): GrantTarget {
  if (target.on === "repository") return target;
  const account = view.userByName(target.owner) ?? view.ownerByName(target.owner);
  if (account === undefined) throw missing("owner", { name: target.owner });
  return { on: "owner", owner: parseAccountName(account.name) };
}

function findGrant(
  view: MemoryAccessView,
  of: { readonly user: UserId; readonly target: GrantTarget },
): GrantRecord | undefined {
  const key = recordKey({ kind: "grant", ...of, role: "read", createdAtMs: 0 });
  const found = view.get(key);
  return found?.kind === "grant" ? found : undefined;
}
