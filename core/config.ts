/**
 * Configuration from one declarative table: command line, environment, an optional file, defaults, in
 * this order of precedence.
 *
 * A table maps property names to {@link ConfigOption}s. Every problem of all sources is found in one
 * go, so that an operator corrects them at once. The help text comes from the same table.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** One setting. */
export interface ConfigOption<T> {
  /** Name on the command line and in the file, without dashes before it: `read-only`. */
  readonly flag: string;
  /** Environment variable. */
  readonly environment: string;
  /** What it decides, in one sentence for the help text. */
  readonly help: string;
  /** What stands for the value in the help text; absent for switches. */
  readonly placeholder?: string;
  /** Text of the default, read like any other; absent when there is none. */
  readonly defaultText?: string;
  /** That there is no value is a problem. */
  readonly isRequired?: boolean;
  /** Reads a text. @throws an `Error` whose message completes "NAME …", e.g. "must be a port". */
  parse(text: string): T;
}

/** A table of settings. */
export type ConfigTable = Readonly<Record<string, ConfigOption<unknown>>>;

/** The settings that a table describes. One without a default may be undefined. */
export type ConfigValues<Table extends ConfigTable> = {
  readonly [Name in keyof Table]: ReturnType<Table[Name]["parse"]>;
};

/** Where settings come from. */
export interface ConfigSources {
  /** The command line after the program's name. */
  readonly args: readonly string[];
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Content of the configuration file: a JSON object with flags as names. */
  readonly file?: string;
  /**
   * Reads a text file that the settings name. With it, a table with an option `config` takes its
   * configuration file from there.
   */
  readonly readTextFile?: (path: string) => string;
}

/** Problems that only several settings together have; those that could not be read are undefined. */
export type ConfigCheck<Table extends ConfigTable> = (
  values: Partial<ConfigValues<Table>>,
) => readonly string[];

/** What the sources say. */
export type ConfigResult<Table extends ConfigTable> =
  | { readonly kind: "values"; readonly values: ConfigValues<Table> }
  | { readonly kind: "help" }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** The parts of an option that all kinds share. */
export type OptionNames = Pick<ConfigOption<unknown>, "flag" | "environment" | "help">;

/** A text without further rules, but not an empty one. */
export function textOption(
  names: OptionNames & { readonly placeholder: string; readonly defaultText: string },
): ConfigOption<string> {
  return {
    ...names,
    parse(text) {
      if (text === "") throw new Error("must not be empty");
      return text;
    },
  };
}

/** A text that may be left out. */
export function optionalTextOption(
  names: OptionNames & { readonly placeholder: string; readonly isRequired?: boolean },
): ConfigOption<string | undefined> {
  return textOption(names as typeof names & { readonly defaultText: string });
}

/** The file that holds further settings. */
export const CONFIG_FILE_OPTION: ConfigOption<string | undefined> = optionalTextOption({
  flag: "config",
  environment: "GITSTRATUM_CONFIG",
  placeholder: "FILE",
  help: "A JSON object with further settings, named as their flags. Flags and variables win.",
});

/** One or more base URLs, separated by commas, without slashes at their ends. */
export function urlsOption(
  names: OptionNames & { readonly isRequired?: boolean },
): ConfigOption<readonly string[] | undefined> {
  return {
    ...names,
    placeholder: "URL,URL",
    parse: (text) => text.split(",").map((part) => parseBaseUrl(part.trim())),
  };
}

/** A base URL, http or https, without a slash at its end. */
export function urlOption(names: OptionNames): ConfigOption<string | undefined> {
  return { ...names, placeholder: "URL", parse: parseBaseUrl };
}

function parseBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) &&
    url.username + url.password + url.search + url.hash === "";
  if (!isPlain) {
    throw new Error(`must hold URLs such as http://10.0.0.1:7000, not ${quote(text)}`);
  }
  return url.href.replace(/\/+$/, "");
}

/** A switch: `--flag`, `--no-flag`, or a word in the environment. Undefined when nobody says. */
export function switchOption(names: OptionNames): ConfigOption<boolean | undefined> {
  return {
    ...names,
    parse(text) {
      if (/^(true|yes|on|1)$/i.test(text)) return true;
      if (/^(false|no|off|0)$/i.test(text)) return false;
      throw new Error(`must be true or false, not ${quote(text)}`);
    },
  };
}

/** A whole number of at least `min`. */
export function countOption(
  names: OptionNames & {
    readonly placeholder: string;
    readonly defaultText: string;
    readonly min: number;
  },
): ConfigOption<number> {
  const { min, ...option } = names;
  return {
    ...option,
    parse(text) {
      const count = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
      if (count >= min) return count;
      throw new Error(`must be a whole number of at least ${min}, not ${quote(text)}`);
    },
  };
}

/** Bytes that a unit stands for. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A number of bytes: `0`, `1048576`, `512MiB`, `4GiB`. */
export function sizeOption(
  names: OptionNames & { readonly defaultText: string },
): ConfigOption<number> {
  return {
    ...names,
    placeholder: "SIZE",
    parse(text) {
      const [, digits, unit = ""] = /^([0-9]{1,15})([KMGT]iB)?$/.exec(text) ?? [];
      const bytes = Number(digits) * SIZE_UNITS[unit]!;
      if (Number.isSafeInteger(bytes)) return bytes;
      throw new Error(`must be a size such as 512MiB or 4GiB, not ${quote(text)}`);
    },
  };
}

/** One of a few words. */
export function choiceOption<Word extends string>(
  names: OptionNames & { readonly words: readonly Word[]; readonly defaultText: Word },
): ConfigOption<Word> {
  const { words, ...option } = names;
  return {
    ...option,
    placeholder: words.join("|"),
    parse(text) {
      const found = words.find((word) => word === text);
      if (found === undefined) throw new Error(`must be ${words.join(" or ")}, not ${quote(text)}`);
      return found;
    },
  };
}

/** Reads all settings of a table. */
export function readConfig<Table extends ConfigTable>(
  table: Table,
  sources: ConfigSources,
  check: ConfigCheck<Table> = () => [],
): ConfigResult<Table> {
  const problems: string[] = [];
  const flags = readFlags(table, sources.args, problems);
  if (flags.has("help")) return { kind: "help" };
  const file = readFile(table, fileContent(table, { flags, sources, problems }), problems);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const environment = sources.environment[option.environment];
    const candidates = [
      { source: `--${option.flag}`, text: flags.get(option.flag) },
      // An empty variable is the shell's way to have none.
      { source: option.environment, text: environment === "" ? undefined : environment },
      { source: `${option.flag} in the configuration file`, text: file.get(option.flag) },
      { source: `default of --${option.flag}`, text: option.defaultText },
    ];
    const given = candidates.find(({ text }) => text !== undefined);
    if (given) values[name] = parse(option, given.source, given.text!, problems);
    else if (option.isRequired) {
      problems.push(`--${option.flag} is needed, or ${option.environment}`);
    }
  }
  problems.push(...check(values as Partial<ConfigValues<Table>>));
  if (problems.length > 0) return { kind: "invalid", problems };
  return { kind: "values", values: values as ConfigValues<Table> };
}

/** The table as a help text; `usage` is the first line. */
export function helpText(usage: string, table: ConfigTable): string {
  const rows = Object.values(table).map((option) => ({
    left: option.placeholder === undefined
      ? `  --[no-]${option.flag}`
      : `  --${option.flag} ${option.placeholder}`,
    right: [
      option.help,
      `[${option.environment}${option.isRequired ? ", needed" : ""}${
        option.defaultText === undefined ? "" : `, default ${option.defaultText}`
      }]`,
    ],
  }));
  rows.push({ left: "  --help", right: ["Prints this text."] });
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  const lines = rows.flatMap(({ left, right }) =>
    right.map((text, index) => (index === 0 ? left : "").padEnd(width) + text)
  );
  return [`Usage: ${usage}`, "", ...lines, ""].join("\n");
}

/** Flags as texts; a switch reads `true` or `false`. */
function readFlags(
  table: ConfigTable,
  args: readonly string[],
  problems: string[],
): ReadonlyMap<string, string> {
  const options = Object.values(table);
  const isSwitch = new Map(options.map((o) => [o.flag, o.placeholder === undefined]));
  isSwitch.set("help", true);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      [...isSwitch].map(([flag, on]) => [flag, { type: on ? "boolean" : "string" } as const]),
    ),
  });
  const found = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === "positional") problems.push(`Unexpected argument ${quote(token.value)}`);
    if (token.kind === "option") readFlag(token, isSwitch, { found, problems });
  }
  return found;
}

function readFlag(
  token: { readonly name: string; readonly rawName: string; readonly value?: string | undefined },
  isSwitch: ReadonlyMap<string, boolean>,
  out: { readonly found: Map<string, string>; readonly problems: string[] },
): void {
  const negated = /^no-(.+)$/.exec(token.name)?.[1];
  if (negated !== undefined && !isSwitch.has(token.name) && isSwitch.get(negated)) {
    if (token.value === undefined) out.found.set(negated, "false");
    else out.problems.push(`${token.rawName} takes no value`);
    return;
  }
  const kind = isSwitch.get(token.name);
  if (kind === undefined) out.problems.push(`Unknown option ${quote(token.rawName)}`);
  else if (kind) out.found.set(token.name, token.value ?? "true");
  else if (token.value !== undefined) out.found.set(token.name, token.value);
  else out.problems.push(`${token.rawName} needs a value`);
}

/** What the configuration file holds; undefined when there is none. */
function fileContent(
  table: ConfigTable,
  parts: {
    readonly flags: ReadonlyMap<string, string>;
    readonly sources: ConfigSources;
    readonly problems: string[];
  },
): string | undefined {
  const { flags, sources, problems } = parts;
  const option = Object.values(table).find(({ flag }) => flag === CONFIG_FILE_OPTION.flag);
  if (option === undefined || sources.readTextFile === undefined) return sources.file;
  const path = flags.get(option.flag) ?? sources.environment[option.environment];
  if (path === undefined || path === "") return sources.file;
  try {
    return sources.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    problems.push(`--${option.flag} names a file that cannot be read: ${reason}`);
    return undefined;
  }
}

function readFile(
  table: ConfigTable,
  content: string | undefined,
  problems: string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (content === undefined) return found;
  const parsed = parseObject(content);
  if (parsed === undefined) problems.push("The configuration file must hold a JSON object");
  const flags = new Set(Object.values(table).map(({ flag }) => flag));
  for (const [name, value] of Object.entries(parsed ?? {})) {
    if (!flags.has(name)) problems.push(`Unknown option ${quote(name)} in the configuration file`);
    else if (["string", "number", "boolean"].includes(typeof value)) found.set(name, String(value));
    else problems.push(`${name} in the configuration file must be a text, number or boolean`);
  }
  return found;
}

function parseObject(content: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(content);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? value as Record<string, unknown> : undefined;
  } catch {
    // The caller reports that the file is no JSON object, whatever else it is.
    return undefined;
  }
}

function parse(
  option: ConfigOption<unknown>,
  source: string,
  text: string,
  problems: string[],
): unknown {
  try {
    return option.parse(text);
  } catch (error) {
    problems.push(`${source} ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
