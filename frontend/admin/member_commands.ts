/**
 * Commands about owners of repositories and about who has which role where.
 *
 * @module
 */

import { ROLES } from "@gitstratum/core/access";
import { type AdminArgument, type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import { choiceFlag, LIMIT, OWNER, REPOSITORY, USERS } from "./command_parts.ts";
import { column } from "./text_table.ts";

type Owner = EntryOf<"listOwners">;
type Member = EntryOf<"listOwnerMembers">;

const OWNER_COLUMNS = [
  column<Owner>("name", ({ name }) => name),
  column<Owner>("created", ({ createdAt }) => createdAt.slice(0, 10)),
];

const MEMBER_COLUMNS = [
  column<Member>("user", ({ user }) => user),
  column<Member>("role", ({ role }) => role),
  column<Member>("since", ({ createdAt }) => createdAt.slice(0, 10)),
];

const OWNERS: AdminArgument<string> = { ...OWNER, repeats: true };

const ROLE = choiceFlag({
  flag: "role",
  choices: ROLES,
  isRequired: true,
  help: "What they may do; in place of their role before.",
});

const OWNER_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "owner list",
    summary: "Lists the owners of repositories that are no users.",
    operations: ["listOwners"],
    flags: { limit: LIMIT },
    run: ({ limit }, { api }) => {
      const pages = pagesOf(api, "listOwners", { limit });
      return Promise.resolve({ kind: "entries", pages, columns: OWNER_COLUMNS });
    },
  }),
  adminCommand({
    words: "owner add",
    summary: "Adds owners of repositories that are no users: teams, projects.",
    operations: ["createOwner"],
    arguments: { owner: OWNERS },
    async run({ owner: name }, { api }) {
      return { kind: "value", value: await api.call("createOwner", { body: { name } }) };
    },
  }),
  adminCommand({
    words: "owner remove",
    summary: "Removes owners that are no users; their repositories stay.",
    operations: ["deleteOwner"],
    arguments: { owner: OWNERS },
    question: "Remove the owner",
    async run({ owner }, { api }) {
      await api.call("deleteOwner", { path: { owner } });
      return { kind: "done", text: `${owner} is removed` };
    },
  }),
  adminCommand({
    words: "owner members",
    summary: "Lists who has a role in all repositories of an owner.",
    operations: ["listOwnerMembers"],
    arguments: { owner: OWNER },
    flags: { limit: LIMIT },
    run: ({ owner, limit }, { api }) => {
      const pages = pagesOf(api, "listOwnerMembers", { request: { path: { owner } }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: MEMBER_COLUMNS });
    },
  }),
  adminCommand({
    words: "owner grant",
    summary: "Gives users a role in all repositories of an owner.",
    operations: ["setOwnerMember"],
    arguments: { owner: OWNER, user: USERS },
    flags: { role: ROLE },
    async run({ owner, user, role }, { api }) {
      const request = { path: { owner, user }, body: { role: role! } };
      return { kind: "value", value: await api.call("setOwnerMember", request) };
    },
  }),
  adminCommand({
    words: "owner revoke",
    summary: "Takes the roles of users in all repositories of an owner away.",
    operations: ["deleteOwnerMember"],
    arguments: { owner: OWNER, user: USERS },
    async run({ owner, user }, { api }) {
      await api.call("deleteOwnerMember", { path: { owner, user } });
      return { kind: "done", text: `${user} has no role at ${owner}` };
    },
  }),
];

/** The commands. */
export const MEMBER_COMMANDS: readonly AdminCommand[] = [
  ...OWNER_COMMANDS,
  adminCommand({
    words: "member list",
    summary: "Lists who has a role in a repository alone.",
    operations: ["listRepositoryMembers"],
    arguments: { repository: REPOSITORY },
    flags: { limit: LIMIT },
    run: ({ repository: path, limit }, { api }) => {
      const pages = pagesOf(api, "listRepositoryMembers", { request: { path }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: MEMBER_COLUMNS });
    },
  }),
  adminCommand({
    words: "member grant",
    summary: "Gives users a role in a repository.",
    operations: ["setRepositoryMember"],
    arguments: { repository: REPOSITORY, user: USERS },
    flags: { role: ROLE },
    async run({ repository, user, role }, { api }) {
      const request = { path: { ...repository, user }, body: { role: role! } };
      return { kind: "value", value: await api.call("setRepositoryMember", request) };
    },
  }),
  adminCommand({
    words: "member revoke",
    summary: "Takes the roles of users in a repository away.",
    operations: ["deleteRepositoryMember"],
    arguments: { repository: REPOSITORY, user: USERS },
    async run({ repository, user }, { api }) {
      await api.call("deleteRepositoryMember", { path: { ...repository, user } });
      return {
        kind: "done",
        text: `${user} has no role in ${repository.owner}/${repository.name}`,
      };
    },
  }),
];
