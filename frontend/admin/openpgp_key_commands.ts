/**
 * Commands about the OpenPGP keys of users.
 *
 * @module
 */

import { type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import { EXPIRES, ID, LABEL, LIMIT, USER } from "./command_parts.ts";
import { column } from "./text_table.ts";

type Key = EntryOf<"listOpenPgpKeys">;

const COLUMNS = [
  column<Key>("id", ({ id }) => id),
  column<Key>("label", ({ label }) => label),
  column<Key>("fingerprint", ({ fingerprint }) => fingerprint),
  column<Key>("created", ({ createdAt }) => createdAt.slice(0, 10)),
  column<Key>("expires", ({ expiresAt }) => expiresAt ?? "never"),
  column<Key>("key ends", ({ keyEndsAt }) => keyEndsAt ?? "never"),
];

const OPENPGP_KEY_FILE = {
  placeholder: "FILE",
  help: "The public key, as gpg --armor --export writes it; - is standard input.",
  parse: (text: string) => text,
};

/** The commands. */
export const OPENPGP_KEY_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "openpgp-key list",
    summary: "Lists the OpenPGP keys of a user, by which signatures of commits are checked.",
    operations: ["listOpenPgpKeys"],
    arguments: { user: USER },
    flags: { limit: LIMIT },
    run: ({ user, limit }, { api }) => {
      const pages = pagesOf(api, "listOpenPgpKeys", { request: { path: { user } }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: COLUMNS });
    },
  }),
  adminCommand({
    words: "openpgp-key add",
    summary: "Adds an OpenPGP key to a user; it lets nobody in.",
    operations: ["addOpenPgpKey"],
    arguments: { user: USER, file: OPENPGP_KEY_FILE },
    flags: { label: LABEL, expires: EXPIRES },
    async run({ user, file, label, expires }, { api, nowMs, readText }) {
      const body = {
        key: await readText(file),
        ...(label === undefined ? {} : { label }),
        ...(expires === undefined ? {} : { expiresAt: expires(nowMs) }),
      };
      return { kind: "value", value: await api.call("addOpenPgpKey", { path: { user }, body }) };
    },
  }),
  adminCommand({
    words: "openpgp-key remove",
    summary: "Takes an OpenPGP key away from a user.",
    operations: ["deleteOpenPgpKey"],
    arguments: { user: USER, id: { ...ID, repeats: true } },
    async run({ user, id }, { api }) {
      await api.call("deleteOpenPgpKey", { path: { user, id } });
      return { kind: "done", text: `${id} is removed` };
    },
  }),
];
