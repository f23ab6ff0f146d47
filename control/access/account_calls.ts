/**
 * Users and other owners: one set of names, and always somebody who administers.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import {
  type AccessChange,
  type AccessRecord,
  type MemoryAccessView,
  type OwnerRecord,
  parseAccountName,
  recordKey,
  type TokenRecord,
  type UserId,
  type UserRecord,
} from "@gitstratum/core/access";
import type { Access, ChangeUserRequest, ClaimRequest } from "@gitstratum/core/rpc/access";
import { type AccessLedger, type AccessPlan, accountKey } from "./access_ledger.ts";

/** The calls about users and owners. */
export type AccountCalls = Pick<
  Access,
  | "claimFirstAdministrator"
  | "findUser"
  | "findOwner"
  | "createUser"
  | "changeUser"
  | "removeUser"
  | "createOwner"
  | "removeOwner"
>;

/** What the token of the first administrator is called. */
const FIRST_TOKEN_LABEL = "first administrator";

/** A change that adds or replaces a record. */
export function put(record: AccessRecord): AccessChange {
  return { kind: "put", record };
}

/** A change that takes a record away. */
export function remove(record: AccessRecord): AccessChange {
  return { kind: "remove", key: recordKey(record) };
}

/** An error for what is not there. */
export function missing(what: string, data: Readonly<Record<string, string>>): GitStratumError {
  return new GitStratumError("not-found", `Find no such ${what}`, { data });
}

/** A user who has to be there. @throws `not-found` */
export function userOf(view: MemoryAccessView, id: UserId): UserRecord {
  const user = view.userById(id);
  if (user === undefined) throw missing("user", { user: id });
  return user;
}

/** The calls about users and owners, decided by a ledger. */
export function accountCalls(ledger: AccessLedger): AccountCalls {
  return {
    claimFirstAdministrator: (request, by) =>
      ledger.change((view) => planClaim(view, request, ledger.nowMs()), by),
    findUser: ({ name }) =>
      ledger.read((view) => {
        const user = view.userByName(name);
        if (user === undefined) throw missing("user", { name: name.slice(0, 120) });
        return user;
      }),
    findOwner: ({ name }) => ledger.read((view) => ownerOf(view, name)),
    createUser: ({ id, name, administrator }, by) =>
      ledger.change((view) => {
        const known = view.userById(id);
        if (known !== undefined && known.name === name) return { changes: [], outcome: known };
        const user = newUser(view, { id, name, administrator, nowMs: ledger.nowMs() });
        return { changes: [put(user)], outcome: user };
      }, by),
    changeUser: (request, by) => ledger.change((view) => planChange(view, request), by),
    async removeUser({ user }, by) {
      await ledger.removeAll((view) => planRemoval(view, user), by);
      return {};
    },
    createOwner: ({ name }, by) =>
      ledger.change((view) => {
        const known = view.ownerByName(name);
        if (known !== undefined && known.name === name) return { changes: [], outcome: known };
        checkFree(view, name);
        const createdAtMs = ledger.nowMs();
        const owner: OwnerRecord = { kind: "owner", name: parseAccountName(name), createdAtMs };
        return { changes: [put(owner)], outcome: owner };
      }, by),
    async removeOwner({ name }, by) {
      await ledger.removeAll((view) => {
        const owner = ownerOf(view, name);
        return {
          first: [],
          removed: view.grantsOnOwner(name),
          last: [remove(owner)],
          gone: [accountKey(name)],
        };
      }, by);
      return {};
    },
  };
}

function ownerOf(view: MemoryAccessView, name: string): OwnerRecord {
  const owner = view.ownerByName(name);
  if (owner === undefined) throw missing("owner", { name: name.slice(0, 120) });
  return owner;
}

function newUser(
  view: MemoryAccessView,
  facts: Pick<UserRecord, "id" | "administrator"> & {
    readonly name: string;
    readonly nowMs: number;
  },
): UserRecord {
  const { id, administrator, nowMs } = facts;
  checkFree(view, facts.name);
  if (view.userById(id) !== undefined) {
    throw new GitStratumError("already-exists", "Find a user with that id already", {
      data: { user: id },
    });
  }
  const name = parseAccountName(facts.name);
  return { kind: "user", id, name, administrator, disabled: false, createdAtMs: nowMs };
}

function checkFree(view: MemoryAccessView, name: string): void {
  const isUser = view.userByName(name) !== undefined;
  if (!isUser && view.ownerByName(name) === undefined) return;
  throw new GitStratumError("already-exists", "Find an account of that name already", {
    data: { name: name.slice(0, 120), kind: isUser ? "user" : "owner" },
  });
}

function planClaim(
  view: MemoryAccessView,
  request: ClaimRequest,
  nowMs: number,
): AccessPlan<{ readonly claimed: boolean }> {
  const known = view.userById(request.user);
  if (known !== undefined) return { changes: [], outcome: { claimed: known.administrator } };
  if (hasAdministrator(view)) return { changes: [], outcome: { claimed: false } };
  const user = newUser(view, {
    id: request.user,
    name: request.name,
    administrator: true,
    nowMs,
  });
  const token: TokenRecord = {
    kind: "token",
    id: request.token,
    user: user.id,
    hash: request.hash,
    label: FIRST_TOKEN_LABEL,
    scopes: ["repository:admin", "account", "server"],
    createdAtMs: nowMs,
  };
  return { changes: [put(user), put(token)], outcome: { claimed: true } };
}

/** Whether somebody administers, besides one. */
function hasAdministrator(view: MemoryAccessView, besides?: UserId): boolean {
  return view.ofKind("user").some(({ id, administrator, disabled }) =>
    administrator && !disabled && id !== besides
  );
}

function checkNotLast(view: MemoryAccessView, user: UserRecord): void {
  const counts = user.administrator && !user.disabled;
  if (!counts || hasAdministrator(view, user.id)) return;
  throw new GitStratumError("denied", "Keep the last administrator", { data: { name: user.name } });
}

function planChange(view: MemoryAccessView, request: ChangeUserRequest): AccessPlan<UserRecord> {
  const user = userOf(view, request.user);
  const administrator = request.administrator ?? user.administrator;
  const disabled = request.disabled ?? user.disabled;
  if (!administrator || disabled) checkNotLast(view, user);
  const outcome = { ...user, administrator, disabled };
  const isSame = administrator === user.administrator && disabled === user.disabled;
  return { changes: isSame ? [] : [put(outcome)], outcome };
}

function planRemoval(view: MemoryAccessView, id: UserId) {
  const user = userOf(view, id);
  checkNotLast(view, user);
  return {
    first: [put({ ...user, administrator: false, disabled: true })],
    removed: [...view.recordsOfUser(id), ...view.grantsOnOwner(user.name)],
    last: [remove(user)],
    gone: [accountKey(user.name)],
  };
}
