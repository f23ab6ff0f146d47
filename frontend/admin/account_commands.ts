/**
 * Commands about users, their roles, and oneself.
 *
 * @module
 */

import { type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import { LIMIT, switchFlag, USER, USERS } from "./command_parts.ts";
import { column } from "./text_table.ts";

type User = EntryOf<"listUsers">;
type Grant = EntryOf<"listUserGrants">;

const COLUMNS = [
  column<User>("name", ({ name }) => name),
  column<User>("administrator", ({ administrator }) => administrator ? "yes" : ""),
  column<User>("disabled", ({ disabled }) => disabled ? "yes" : ""),
  column<User>("created", ({ createdAt }) => createdAt.slice(0, 10)),
];

const GRANT_COLUMNS = [
  column<Grant>("on", ({ on }) => on),
  column<Grant>("of", ({ owner, repository }) => owner ?? repository),
  column<Grant>("role", ({ role }) => role),
  column<Grant>("since", ({ createdAt }) => createdAt.slice(0, 10)),
];

const ADMINISTRATOR = switchFlag({
  flag: "administrator",
  help: "They may do everything on this server.",
});

/** The commands. */
export const ACCOUNT_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "whoami",
    summary: "Shows who the server takes you for.",
    operations: ["getCaller"],
    run: async (_, { api }) => ({ kind: "value", value: await api.call("getCaller") }),
  }),
  adminCommand({
    words: "user list",
    summary: "Lists all users.",
    operations: ["listUsers"],
    flags: { limit: LIMIT },
    run: ({ limit }, { api }) => {
      const pages = pagesOf(api, "listUsers", { limit });
      return Promise.resolve({ kind: "entries", pages, columns: COLUMNS });
    },
  }),
  adminCommand({
    words: "user add",
    summary: "Adds users.",
    operations: ["createUser"],
    arguments: { user: USERS },
    flags: { administrator: ADMINISTRATOR },
    async run({ user: name, administrator = false }, { api }) {
      const body = { name, administrator };
      return { kind: "value", value: await api.call("createUser", { body }) };
    },
  }),
  adminCommand({
    words: "user show",
    summary: "Shows a user.",
    operations: ["getUser"],
    arguments: { user: USER },
    async run({ user }, { api }) {
      return { kind: "value", value: await api.call("getUser", { path: { user } }) };
    },
  }),
  adminCommand({
    words: "user set",
    summary: "Disables or enables users, makes them administrators or no longer.",
    operations: ["updateUser"],
    arguments: { user: USERS },
    flags: {
      administrator: ADMINISTRATOR,
      disabled: switchFlag({
        flag: "disabled",
        help: "They are kept out, with all that is theirs.",
      }),
    },
    async run({ user, administrator, disabled }, { api }) {
      const body = {
        ...(administrator === undefined ? {} : { administrator }),
        ...(disabled === undefined ? {} : { disabled }),
      };
      return { kind: "value", value: await api.call("updateUser", { path: { user }, body }) };
    },
  }),
  adminCommand({
    words: "user remove",
    summary: "Removes users with their tokens, keys and roles; their repositories stay.",
    operations: ["deleteUser"],
    arguments: { user: USERS },
    question: "Remove the user",
    async run({ user }, { api }) {
      await api.call("deleteUser", { path: { user } });
      return { kind: "done", text: `${user} is removed` };
    },
  }),
  adminCommand({
    words: "user roles",
    summary: "Lists the roles that a user was given.",
    operations: ["listUserGrants"],
    arguments: { user: USER },
    flags: { limit: LIMIT },
    run: ({ user, limit }, { api }) => {
      const pages = pagesOf(api, "listUserGrants", { request: { path: { user } }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: GRANT_COLUMNS });
    },
  }),
];
