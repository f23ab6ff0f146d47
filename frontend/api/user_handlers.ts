/**
 * Answers what is asked about users and about oneself.
 *
 * @module
 */

import type { z } from "zod";
import { unreachable } from "@gitstratum/core";
import type { GrantRecord, Principal, UserRecord } from "@gitstratum/core/access";
import type { Accounts } from "./accounts.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { callerSchema, grantSchema, userSchema } from "./user_operations.ts";
import { shownTime } from "./values.ts";

type UserOperationId =
  | "getCaller"
  | "listUsers"
  | "createUser"
  | "getUser"
  | "updateUser"
  | "deleteUser"
  | "listUserGrants";

/** The handlers. */
export function userHandlers(accounts: Accounts): ApiHandlersOf<UserOperationId> {
  return {
    getCaller: ({ asker }) => Promise.resolve(shownCaller(asker.principal())),
    async listUsers({ query }) {
      const list = accounts.calls.listUsers;
      const { entries: users, ...rest } = await accounts.page(query, "users", {
        list,
        shown: shownUser,
      });
      return { users, ...rest };
    },
    async createUser({ body, provenance }) {
      const id = accounts.client.newUserId();
      return shownUser(await accounts.by(provenance).calls.createUser({ id, ...body }));
    },
    async getUser({ path }) {
      return shownUser(await accounts.calls.findUser({ name: path.user }));
    },
    async updateUser({ path, body: { administrator, disabled }, provenance }) {
      const user = await accounts.userId(path.user);
      return shownUser(
        await accounts.by(provenance).calls.changeUser({
          user,
          ...(administrator === undefined ? {} : { administrator }),
          ...(disabled === undefined ? {} : { disabled }),
        }),
      );
    },
    async deleteUser({ path, provenance }) {
      const user = await accounts.userId(path.user);
      await accounts.by(provenance).calls.removeUser({ user });
    },
    async listUserGrants({ path, query }) {
      const user = await accounts.userId(path.user);
      const { entries: grants, ...rest } = await accounts.page(query, `grants ${user}`, {
        list: (page) => accounts.calls.listGrants({ ...page, user }),
        shown: shownGrant,
      });
      return { grants, ...rest };
    },
  };
}

function shownUser(user: UserRecord): z.output<typeof userSchema> {
  const { id, name, administrator, disabled, createdAtMs } = user;
  return { id, name, administrator, disabled, createdAt: shownTime(createdAtMs) };
}

function shownGrant({ target, role, createdAtMs }: GrantRecord): z.output<typeof grantSchema> {
  return { ...target, role, createdAt: shownTime(createdAtMs) };
}

function shownCaller(principal: Principal): z.output<typeof callerSchema> {
  switch (principal.kind) {
    case "anonymous":
    case "unguarded":
      return { kind: principal.kind };
    case "deploy-key":
      return { kind: principal.kind, credential: principal.id };
    case "user": {
      const { kind, name, administrator, credential } = principal;
      const shown = { kind, name, administrator, credential: credential.id };
      if (credential.kind === "ssh-key") return shown;
      const { scopes, expiresAtMs } = credential;
      return {
        ...shown,
        scopes: [...scopes],
        ...(expiresAtMs === undefined ? {} : { expiresAt: shownTime(expiresAtMs) }),
      };
    }
    default:
      return unreachable(principal);
  }
}
