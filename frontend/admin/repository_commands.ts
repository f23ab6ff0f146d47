/**
 * Commands about repositories.
 *
 * @module
 */

import { VISIBILITIES } from "@gitstratum/core/access";
import { OBJECT_FORMATS } from "@gitstratum/core/git";
import { type AdminCommand, adminCommand, type AdminContext } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import {
  choiceFlag,
  countFlag,
  LIMIT,
  REPOSITORIES,
  REPOSITORY,
  switchFlag,
  textFlag,
} from "./command_parts.ts";
import { column } from "./text_table.ts";

type Repository = EntryOf<"listRepositories">;

const COLUMNS = [
  column<Repository>("name", ({ name }) => name),
  column<Repository>("visibility", ({ settings }) => settings.visibility ?? "private"),
  column<Repository>("default branch", ({ defaultBranch }) => defaultBranch),
  column<Repository>("format", ({ objectFormat }) => objectFormat),
  column<Repository>("created", ({ createdAt }) => createdAt.slice(0, 10)),
  column<Repository>("description", ({ settings }) => settings.description),
];

const DEFAULT_BRANCH = textFlag({
  flag: "default-branch",
  placeholder: "NAME",
  help: "The branch that HEAD points at; it may not exist yet.",
});

/** Settings that have flags of their own. */
const SETTINGS_FLAGS = {
  visibility: choiceFlag({
    flag: "visibility",
    choices: VISIBILITIES,
    help: "Who reads it without a role.",
  }),
  description: textFlag({
    flag: "description",
    placeholder: "TEXT",
    help: "One line for people who look for a repository.",
  }),
  archived: switchFlag({ flag: "archived", help: "Nobody pushes to it; --no-archived ends that." }),
  denyDeletes: switchFlag({ flag: "deny-deletes", help: "Branches are not deleted." }),
  denyForce: switchFlag({ flag: "deny-force", help: "Branches only move forward." }),
  objectBytesMax: countFlag({
    flag: "object-bytes-max",
    placeholder: "BYTES",
    min: 1,
    help: "Inflated size of the largest object of a push.",
  }),
  pushBytesMax: countFlag({
    flag: "push-bytes-max",
    placeholder: "BYTES",
    min: 1,
    help: "Size of the largest pack of a push.",
  }),
  repositoryBytesMax: countFlag({
    flag: "quota-bytes",
    placeholder: "BYTES",
    min: 1,
    help: "Stored bytes that pushes may bring.",
  }),
  referenceCountMax: countFlag({
    flag: "quota-references",
    placeholder: "N",
    min: 1,
    help: "References that it may have.",
  }),
  settings: textFlag({
    flag: "settings",
    placeholder: "JSON|@FILE",
    help: "Any settings, as the API takes them; null brings a default back. Other flags win.",
  }),
};

type SettingsValues = { readonly [Name in keyof typeof SETTINGS_FLAGS]: unknown };

async function settingsOf(
  values: SettingsValues,
  context: AdminContext,
): Promise<{ readonly settings?: Record<string, unknown> }> {
  const { denyForce, settings: text, ...named } = values;
  const given = typeof text === "string" ? await settingsText(text, context) : {};
  const flags = Object.entries({ ...named, denyNonFastForwards: denyForce })
    .filter(([name, value]) =>
      value !== undefined && (name in SETTINGS_FLAGS || name === "denyNonFastForwards")
    );
  const settings = { ...given, ...Object.fromEntries(flags) };
  return Object.keys(settings).length === 0 ? {} : { settings };
}

async function settingsText(text: string, context: AdminContext): Promise<object> {
  const json = text.startsWith("@") ? await context.readText(text.slice(1)) : text;
  const problem = new Error("--settings must hold a JSON object");
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, for whatever is no object.
  }
  throw problem;
}

/** The commands. */
export const REPOSITORY_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "repository list",
    summary: "Lists repositories that you may read.",
    operations: ["listRepositories"],
    flags: {
      owner: textFlag({ flag: "owner", placeholder: "OWNER", help: "Only those of this owner." }),
      limit: LIMIT,
    },
    run: ({ owner, limit }, { api }) => {
      const request = owner === undefined ? {} : { query: { owner } };
      const pages = pagesOf(api, "listRepositories", { request, limit });
      return Promise.resolve({ kind: "entries", pages, columns: COLUMNS });
    },
  }),
  adminCommand({
    words: "repository create",
    summary: "Creates empty repositories.",
    operations: ["createRepository"],
    arguments: { repository: REPOSITORIES },
    flags: {
      format: choiceFlag({
        flag: "format",
        choices: OBJECT_FORMATS,
        help: "Hash function of its objects.",
      }),
      defaultBranch: DEFAULT_BRANCH,
      ...SETTINGS_FLAGS,
    },
    async run({ repository: { owner, name }, format, defaultBranch, ...values }, context) {
      const body = {
        name: `${owner}/${name}`,
        ...(format === undefined ? {} : { objectFormat: format }),
        ...(defaultBranch === undefined ? {} : { defaultBranch }),
        ...await settingsOf(values, context),
      };
      return { kind: "value", value: await context.api.call("createRepository", { body }) };
    },
  }),
  adminCommand({
    words: "repository show",
    summary: "Shows a repository with its settings.",
    operations: ["getRepository"],
    arguments: { repository: REPOSITORY },
    async run({ repository: path }, { api }) {
      return { kind: "value", value: await api.call("getRepository", { path }) };
    },
  }),
  adminCommand({
    words: "repository set",
    summary: "Changes the default branch and settings of repositories.",
    operations: ["updateRepository"],
    arguments: { repository: REPOSITORIES },
    flags: { defaultBranch: DEFAULT_BRANCH, ...SETTINGS_FLAGS },
    async run({ repository: path, defaultBranch, ...values }, context) {
      const body = {
        ...(defaultBranch === undefined ? {} : { defaultBranch }),
        ...await settingsOf(values, context),
      };
      return { kind: "value", value: await context.api.call("updateRepository", { path, body }) };
    },
  }),
  adminCommand({
    words: "repository delete",
    summary: "Deletes repositories.",
    operations: ["deleteRepository"],
    arguments: { repository: REPOSITORIES },
    question: "Delete the repository",
    async run({ repository: path }, { api }) {
      await api.call("deleteRepository", { path });
      return { kind: "done", text: `${path.owner}/${path.name} is deleted` };
    },
  }),
];
