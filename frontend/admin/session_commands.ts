/**
 * Commands of the command line itself: logging in, completion.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { parseAccessToken } from "@gitstratum/core/access";
import { type AdminCommand, adminCommand, type NamedThing } from "./admin_command.ts";
import type { AdminApi } from "./admin_api.ts";
import { namesOf } from "./known_names.ts";

const THINGS: readonly NamedThing[] = ["repository", "user", "owner"];

const THING = {
  placeholder: "THING",
  help: THINGS.join(", "),
  parse: (text: string): NamedThing => oneOf(text, THINGS),
};

const PREFIX = {
  placeholder: "PREFIX",
  help: "What they begin with.",
  parse: (text: string): string => text,
};

const SHELL = {
  placeholder: "SHELL",
  help: "bash",
  parse: (text: string): "bash" => oneOf(text, ["bash"]),
};

function oneOf<Word extends string>(text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new Error(`must be ${words.join(" or ")}`);
}

/** The commands; `completion` makes the script for a shell. */
export function sessionCommands(completion: () => string): readonly AdminCommand[] {
  return [
    adminCommand({
      words: "login",
      summary: "Reads a token from standard input and keeps it for this server.",
      operations: ["getCaller"],
      async run(_, { readText, apiWith, saveToken }) {
        const token = parseAccessToken((await readText("-")).trim());
        if (token === undefined) {
          throw new GitStratumError("invalid", "Expect a token: gst_…");
        }
        const { name = "nobody" } = await apiWith(token).call("getCaller");
        const path = await saveToken(token);
        return { kind: "done", text: `Logged in as ${name}; the token is in ${path}` };
      },
    }),
    adminCommand({
      words: "completion",
      summary: "Prints a script that completes commands, options and names.",
      operations: [],
      arguments: { shell: SHELL },
      run: () => Promise.resolve({ kind: "text", text: completion() }),
    }),
    adminCommand({
      words: "names",
      summary: "Prints names that begin with something; for completion.",
      operations: ["listRepositories", "listUsers", "listOwners"],
      arguments: { thing: THING, prefix: PREFIX },
      run: async ({ thing, prefix }, { api }) => ({
        kind: "text",
        text: (await matching(api, thing, prefix)).join("\n"),
      }),
    }),
  ];
}

async function matching(api: AdminApi, thing: NamedThing, prefix: string): Promise<string[]> {
  const names = await namesOf(api, thing, prefix);
  return names.filter((name) => name.startsWith(prefix));
}
