/**
 * Commands about the life of repositories: new names, forks, deletion and return.
 *
 * @module
 */

import { type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import {
  ID,
  LIMIT,
  REPOSITORIES,
  REPOSITORY,
  type RepositoryPath,
  textFlag,
} from "./command_parts.ts";
import { column } from "./text_table.ts";

type Deleted = EntryOf<"listDeletedRepositories">;

const COLUMNS = [
  column<Deleted>("name", ({ name }) => name),
  column<Deleted>("id", ({ id }) => id),
  column<Deleted>("deleted", ({ deletedAt }) => deletedAt.slice(0, 16)),
  column<Deleted>("gone from", ({ purgeAt }) => purgeAt.slice(0, 16)),
];

const NEW_NAME = {
  ...REPOSITORY,
  placeholder: "NEW-OWNER/NAME",
  help: "The name that it shall have.",
};

const WHICH = textFlag({
  flag: "id",
  placeholder: "ID",
  help: "Its id, where several of the name were deleted; the last deleted unless told.",
});

const full = ({ owner, name }: RepositoryPath) => `${owner}/${name}`;

const LIVING_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "repository rename",
    summary: "Gives a repository another name, or another owner; the old name leads there.",
    operations: ["renameRepository"],
    arguments: { repository: REPOSITORY, to: NEW_NAME },
    async run({ repository: path, to }, { api }) {
      const body = { name: full(to) };
      return { kind: "value", value: await api.call("renameRepository", { path, body }) };
    },
  }),
  adminCommand({
    words: "repository fork",
    summary: "Forks a repository.",
    operations: ["forkRepository"],
    arguments: { repository: REPOSITORY, to: NEW_NAME },
    async run({ repository: path, to }, { api }) {
      const body = { name: full(to) };
      return { kind: "value", value: await api.call("forkRepository", { path, body }) };
    },
  }),
  adminCommand({
    words: "repository usage",
    summary: "Shows what a repository takes.",
    operations: ["getRepositoryUsage"],
    arguments: { repository: REPOSITORY },
    async run({ repository: path }, { api }) {
      return { kind: "value", value: await api.call("getRepositoryUsage", { path }) };
    },
  }),
];

/** The commands. */
export const LIFE_COMMANDS: readonly AdminCommand[] = [
  ...LIVING_COMMANDS,
  adminCommand({
    words: "deleted list",
    summary: "Lists deleted repositories that you may bring back.",
    operations: ["listDeletedRepositories"],
    flags: {
      owner: textFlag({ flag: "owner", placeholder: "OWNER", help: "Only those of this owner." }),
      limit: LIMIT,
    },
    run: ({ owner, limit }, { api }) => {
      const request = owner === undefined ? {} : { query: { owner } };
      const pages = pagesOf(api, "listDeletedRepositories", { request, limit });
      return Promise.resolve({ kind: "entries", pages, columns: COLUMNS });
    },
  }),
  adminCommand({
    words: "deleted restore",
    summary: "Brings deleted repositories back.",
    operations: ["restoreRepository"],
    arguments: { repository: REPOSITORIES },
    flags: {
      id: WHICH,
      as: textFlag({
        flag: "as",
        placeholder: "OWNER/NAME",
        help: "The name that it shall have; the one that it had unless told.",
      }),
    },
    async run({ repository: path, id, as }, { api }) {
      const body = {
        ...(id === undefined ? {} : { id: ID.parse(id) }),
        ...(as === undefined ? {} : { name: full(REPOSITORY.parse(as)) }),
      };
      return { kind: "value", value: await api.call("restoreRepository", { path, body }) };
    },
  }),
  adminCommand({
    words: "deleted purge",
    summary: "Removes deleted repositories for good, before their time; for administrators.",
    operations: ["purgeRepository"],
    arguments: { repository: REPOSITORIES },
    flags: { id: WHICH },
    question: "Remove for good the repository",
    async run({ repository: path, id }, { api }) {
      const query = id === undefined ? {} : { id: ID.parse(id) };
      await api.call("purgeRepository", { path, query });
      return { kind: "done", text: `${full(path)} is gone` };
    },
  }),
];
