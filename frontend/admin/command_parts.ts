/**
 * Arguments and flags that many commands have.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { parseAccountName } from "@gitstratum/core/access";
import { parseRepositoryName } from "@gitstratum/core/rpc";
import type { AdminArgument, AdminFlag } from "./admin_command.ts";

/** A repository by its name. */
export interface RepositoryPath {
  /** Whose it is. */
  readonly owner: string;
  /** What it is called behind its owner. */
  readonly name: string;
}

/** Reads the name of a repository; the project's own checks say what is wrong with it. */
function parseRepository(text: string): RepositoryPath {
  const [owner = "", name = ""] = checked(parseRepositoryName, text).split("/");
  return { owner, name };
}

function checked<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof GitStratumError)) throw error;
    throw new Error(`must not be ${JSON.stringify(text)}: ${error.data.reason ?? error.message}`);
  }
}

/** `OWNER/NAME` */
export const REPOSITORY: AdminArgument<RepositoryPath> = {
  placeholder: "OWNER/NAME",
  help: "The repository.",
  names: "repository",
  parse: parseRepository,
};

/** One or more of `OWNER/NAME`. */
export const REPOSITORIES: AdminArgument<RepositoryPath> = {
  ...REPOSITORY,
  help: "The repository; several are done one after the other.",
  repeats: true,
};

/** A user by name. */
export const USER: AdminArgument<string> = {
  placeholder: "USER",
  help: "The name of the user.",
  names: "user",
  parse: (text) => checked(parseAccountName, text),
};

/** One or more users by name. */
export const USERS: AdminArgument<string> = {
  ...USER,
  help: "The name of the user; several are done one after the other.",
  repeats: true,
};

/** An owner by name. */
export const OWNER: AdminArgument<string> = {
  placeholder: "OWNER",
  help: "The name of the owner.",
  names: "owner",
  parse: (text) => checked(parseAccountName, text),
};

/** What the server calls a token, a key, an issuer, a trust. */
export const ID: AdminArgument<string> = {
  placeholder: "ID",
  help: "Its id, as the list shows it.",
  parse(text) {
    if (/^[0-9a-f]{32}$/.test(text)) return text;
    throw new Error(`must be 32 hexadecimal digits, not ${JSON.stringify(text.slice(0, 80))}`);
  },
};

type Named = Pick<AdminFlag, "flag" | "help">;

/** A text. */
export function textFlag(
  named: Named & { readonly placeholder: string; readonly isRequired?: true },
): AdminFlag<string> {
  return { ...named, parse: (texts) => texts.at(-1)! };
}

/** Texts, one for each time that the flag is there. */
export function textsFlag(
  named: Named & { readonly placeholder: string; readonly isRequired?: true },
): AdminFlag<readonly string[]> {
  return { ...named, repeats: true, parse: (texts) => texts };
}

/** On or off: `--flag`, `--no-flag`. */
export function switchFlag(named: Named): AdminFlag<boolean> {
  return { ...named, parse: (texts) => texts.at(-1) === "true" };
}

/** One of a few values. */
export function choiceFlag<const Choice extends string>(
  named: Named & { readonly choices: readonly Choice[]; readonly isRequired?: true },
): AdminFlag<Choice> {
  const parse = (texts: readonly string[]) => choice(texts.at(-1)!, named.choices);
  return { ...named, placeholder: named.choices.join("|"), parse };
}

/** Some of a few values, separated by commas or each with the flag before it. */
export function choicesFlag<const Choice extends string>(
  named: Named & { readonly choices: readonly Choice[]; readonly isRequired?: true },
): AdminFlag<Choice[]> {
  return {
    ...named,
    placeholder: "A,B",
    repeats: true,
    parse: (texts) =>
      texts.flatMap((text) => text.split(",")).map((text) => choice(text, named.choices)),
  };
}

function choice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((one) => one === text);
  if (found !== undefined) return found;
  throw new Error(`must be ${choices.join(", ")}; not ${JSON.stringify(text.slice(0, 80))}`);
}

/** A whole number of at least `min`. */
export function countFlag(
  named: Named & { readonly placeholder: string; readonly min: number },
): AdminFlag<number> {
  return {
    ...named,
    parse(texts) {
      const text = texts.at(-1)!;
      const count = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
      if (count >= named.min) return count;
      throw new Error(`must be a whole number of at least ${named.min}`);
    },
  };
}

const UNITS_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 24 * 3_600_000,
};

/** A time, or how long from now (or ago, where times are past). Gives the time by the time now. */
export function timeFlag(
  options: Named & { readonly isPast?: true },
): AdminFlag<(nowMs: number) => string> {
  const { isPast, ...named } = options;
  const sign = isPast === true ? -1 : 1;
  return {
    ...named,
    placeholder: "TIME",
    parse(texts) {
      const text = texts.at(-1)!;
      const [, count, unit] = /^([0-9]{1,6})([mhd])$/.exec(text) ?? [];
      if (unit !== undefined) {
        return (nowMs) => new Date(nowMs + sign * Number(count) * UNITS_MS[unit]!).toISOString();
      }
      const atMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
      if (!Number.isNaN(atMs)) return () => new Date(atMs).toISOString();
      throw new Error("must be like 90m, 12h, 30d, 2030-01-31 or 2030-01-31T12:00:00Z");
    },
  };
}

/** When something that is made ends. */
export const EXPIRES = timeFlag({
  flag: "expires",
  help: "When it ends: 90m, 12h, 30d from now, or a time; never when it is left out.",
});

/** What people call something that is made. */
export const LABEL = textFlag({
  flag: "label",
  placeholder: "TEXT",
  help: "What people call it.",
});

/** Most entries of a list. */
export const LIMIT = countFlag({
  flag: "limit",
  placeholder: "N",
  min: 1,
  help: "Stops after so many entries.",
});
