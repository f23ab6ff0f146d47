/**
 * Commands about the tokens and keys of users.
 *
 * @module
 */

import { TOKEN_SCOPES } from "@gitstratum/core/access";
import { type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import {
  choicesFlag,
  EXPIRES,
  ID,
  LABEL,
  LIMIT,
  textsFlag,
  timeFlag,
  USER,
} from "./command_parts.ts";
import { column } from "./text_table.ts";

type Token = EntryOf<"listTokens">;
type Key = EntryOf<"listUserKeys">;

const TOKEN_COLUMNS = [
  column<Token>("id", ({ id }) => id),
  column<Token>("label", ({ label }) => label),
  column<Token>("scopes", ({ scopes }) => scopes.join(",")),
  column<Token>("repositories", ({ repositories }) => repositories?.length ?? "all"),
  column<Token>("created", ({ createdAt }) => createdAt.slice(0, 10)),
  column<Token>("expires", ({ expiresAt }) => expiresAt ?? "never"),
];

/** Columns of keys, of users and of repositories. */
export const KEY_COLUMNS = [
  column<Key>("id", ({ id }) => id),
  column<Key>("label", ({ label }) => label),
  column<Key>("fingerprint", ({ fingerprint }) => fingerprint),
  column<Key>("created", ({ createdAt }) => createdAt.slice(0, 10)),
  column<Key>("expires", ({ expiresAt }) => expiresAt ?? "never"),
];

/** A file with a public key. */
export const KEY_FILE = {
  placeholder: "FILE",
  help: "The public key, as in ~/.ssh/id_ed25519.pub; - is standard input.",
  parse: (text: string) => text,
};

/** The commands. */
export const CREDENTIAL_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "token list",
    summary: "Lists the tokens of a user, without their secrets.",
    operations: ["listTokens"],
    arguments: { user: USER },
    flags: { limit: LIMIT },
    run: ({ user, limit }, { api }) => {
      const pages = pagesOf(api, "listTokens", { request: { path: { user } }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: TOKEN_COLUMNS });
    },
  }),
  adminCommand({
    words: "token create",
    summary: "Makes a token for a user; it is shown this once.",
    operations: ["createToken"],
    arguments: { user: USER },
    flags: {
      scopes: choicesFlag({
        flag: "scope",
        choices: TOKEN_SCOPES,
        isRequired: true,
        help: `What it is for: ${TOKEN_SCOPES.join(", ")}.`,
      }),
      repositories: textsFlag({
        flag: "repository",
        placeholder: "OWNER/NAME",
        help: "It is for this repository only, and others that are named.",
      }),
      label: LABEL,
      expires: EXPIRES,
      notBefore: timeFlag({ flag: "not-before", help: "When it begins to be good." }),
    },
    async run({ user, scopes, repositories, label, expires, notBefore }, { api, nowMs }) {
      const body = {
        scopes: scopes!,
        ...(repositories === undefined ? {} : { repositories: [...repositories] }),
        ...(label === undefined ? {} : { label }),
        ...(expires === undefined ? {} : { expiresAt: expires(nowMs) }),
        ...(notBefore === undefined ? {} : { notBefore: notBefore(nowMs) }),
      };
      return { kind: "value", value: await api.call("createToken", { path: { user }, body }) };
    },
  }),
  adminCommand({
    words: "token revoke",
    summary: "Takes a token away; it is worth nothing from then on.",
    operations: ["deleteToken"],
    arguments: { user: USER, id: { ...ID, repeats: true } },
    async run({ user, id }, { api }) {
      await api.call("deleteToken", { path: { user, id } });
      return { kind: "done", text: `${id} is revoked` };
    },
  }),
  adminCommand({
    words: "key list",
    summary: "Lists the SSH keys of a user.",
    operations: ["listUserKeys"],
    arguments: { user: USER },
    flags: { limit: LIMIT },
    run: ({ user, limit }, { api }) => {
      const pages = pagesOf(api, "listUserKeys", { request: { path: { user } }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: KEY_COLUMNS });
    },
  }),
  adminCommand({
    words: "key add",
    summary: "Adds an SSH key to a user.",
    operations: ["addUserKey"],
    arguments: { user: USER, file: KEY_FILE },
    flags: { label: LABEL, expires: EXPIRES },
    async run({ user, file, label, expires }, { api, nowMs, readText }) {
      const body = {
        key: (await readText(file)).trim(),
        ...(label === undefined ? {} : { label }),
        ...(expires === undefined ? {} : { expiresAt: expires(nowMs) }),
      };
      return { kind: "value", value: await api.call("addUserKey", { path: { user }, body }) };
    },
  }),
  adminCommand({
    words: "key remove",
    summary: "Takes an SSH key away from a user.",
    operations: ["deleteUserKey"],
    arguments: { user: USER, id: { ...ID, repeats: true } },
    async run({ user, id }, { api }) {
      await api.call("deleteUserKey", { path: { user, id } });
      return { kind: "done", text: `${id} is removed` };
    },
  }),
];
