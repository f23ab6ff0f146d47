/**
 * The command line: which command, with what, or everything that is wrong with it.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type ConfigSources, readConfig } from "@gitstratum/core";
import type { AdminArgument, AdminCommand, AdminFlag } from "./admin_command.ts";
import { ADMIN_SETTINGS_TABLE, type AdminSettings } from "./admin_settings.ts";
import { didYouMean, nearestNames } from "./nearest_name.ts";

/** What the command line says. */
export type AdminRequest =
  | {
    readonly kind: "run";
    readonly command: AdminCommand;
    readonly settings: AdminSettings;
    /** Words behind the command, those that repeat included, unread. */
    readonly words: readonly string[];
    /** What its flags read. */
    readonly flags: Readonly<Record<string, unknown>>;
  }
  /** Help on a command, a group of commands, or all. */
  | { readonly kind: "help"; readonly words: string }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

const SETTING_FLAGS = Object.values(ADMIN_SETTINGS_TABLE);

/** Reads a command line. */
export function readCommandLine(
  commands: readonly AdminCommand[],
  sources: Pick<ConfigSources, "args" | "environment">,
): AdminRequest {
  const { positionals, given, rest } = split(commands, sources.args);
  const found = commandAt(commands, positionals);
  if (given.some(({ name }) => name === "help") || positionals.length === 0) {
    return { kind: "help", words: found?.words ?? groupOf(commands, positionals) };
  }
  if (found === undefined) return noCommand(commands, positionals);
  const words = positionals.slice(found.words.split(" ").length);
  const problems: string[] = [];
  const flags = readFlags(found, given, problems);
  const { environment } = sources;
  const settings = readConfig(ADMIN_SETTINGS_TABLE, { args: rest, environment });
  if (settings.kind === "invalid") problems.push(...settings.problems);
  const isFrom = settings.kind === "values" && settings.values.from !== undefined;
  problems.push(...countProblems(found, words, { isFrom }));
  if (problems.length > 0 || settings.kind !== "values") return { kind: "invalid", problems };
  return { kind: "run", command: found, settings: settings.values, words, flags };
}

/**
 * Reads the words behind a command; of an argument that repeats, each makes a set of values.
 *
 * @throws an `Error` for people, who see all that is wrong in its lines
 */
export function readArguments(
  command: AdminCommand,
  words: readonly string[],
): readonly { readonly target: string; readonly values: Readonly<Record<string, unknown>> }[] {
  const entries = Object.entries(command.arguments);
  const single = entries.filter(([, { repeats }]) => repeats !== true);
  const repeated = entries.find(([, { repeats }]) => repeats === true);
  const problems: string[] = [];
  const values = Object.fromEntries(
    single.map(([name, argument], index) => [name, readWord(argument, words[index]!, problems)]),
  );
  const targets = words.slice(single.length).map((word) => ({
    target: word,
    values: { ...values, [repeated![0]]: readWord(repeated![1], word, problems) },
  }));
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return repeated === undefined ? [{ target: words[0] ?? "", values }] : targets;
}

function readWord(argument: AdminArgument, word: string, problems: string[]): unknown {
  try {
    return argument.parse(word);
  } catch (error) {
    problems.push(`${argument.placeholder} ${messageOf(error)}`);
    return undefined;
  }
}

/** A flag as it stands there. */
interface GivenFlag {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

/** Words, flags of commands, and the arguments that are settings. */
function split(commands: readonly AdminCommand[], args: readonly string[]) {
  const switches = new Map<string, boolean>([["help", true]]);
  for (const { flag, placeholder } of [...SETTING_FLAGS, ...allFlags(commands)]) {
    switches.set(flag, placeholder === undefined);
  }
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      [...switches].map(([flag, on]) => [flag, { type: on ? "boolean" : "string" } as const]),
    ),
  });
  const positionals: string[] = [];
  const given: GivenFlag[] = [];
  const rest: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const name = token.name.replace(/^no-/, "");
    const setting = SETTING_FLAGS.find(({ flag }) => flag === token.name || flag === name);
    if (setting === undefined) given.push(token);
    else rest.push(token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`);
  }
  return { positionals, given, rest };
}

function allFlags(commands: readonly AdminCommand[]): readonly AdminFlag[] {
  return commands.flatMap(({ flags }) => Object.values(flags));
}

function commandAt(
  commands: readonly AdminCommand[],
  positionals: readonly string[],
): AdminCommand | undefined {
  const isPrefix = (words: string) =>
    words.split(" ").every((word, index) => positionals[index] === word);
  return commands.find(({ words }) => isPrefix(words));
}

/** The first words, when commands begin with them. */
function groupOf(commands: readonly AdminCommand[], positionals: readonly string[]): string {
  const [first = ""] = positionals;
  return commands.some(({ words }) => words.startsWith(`${first} `)) ? first : "";
}

function noCommand(
  commands: readonly AdminCommand[],
  positionals: readonly string[],
): AdminRequest {
  const group = groupOf(commands, positionals);
  if (group !== "" && positionals.length === 1) return { kind: "help", words: group };
  const asked = positionals.slice(0, 2).join(" ");
  const all = commands.map(({ words }) => words);
  const near = nearestNames(asked, all);
  const [first = ""] = positionals;
  const suggestions = near.length > 0 ? near : nearestNames(first, firstWords(all));
  return {
    kind: "invalid",
    problems: [`There is no command ${JSON.stringify(asked)}${didYouMean(suggestions)}`],
  };
}

function firstWords(all: readonly string[]): ReadonlySet<string> {
  return new Set(all.map((words) => words.split(" ")[0]!));
}

function readFlags(
  command: AdminCommand,
  given: readonly GivenFlag[],
  problems: string[],
): Record<string, unknown> {
  const texts = new Map<string, string[]>();
  for (const one of given) {
    const flag = flagOf(command, one);
    if (flag === undefined) problems.push(unknownFlag(command, one));
    else collect(flag, one, { texts, problems });
  }
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(command.flags)) {
    const found = texts.get(flag.flag);
    if (found === undefined) {
      if (flag.isRequired) problems.push(`--${flag.flag} is needed: ${flag.help}`);
      continue;
    }
    try {
      values[name] = flag.parse(found);
    } catch (error) {
      problems.push(`--${flag.flag} ${messageOf(error)}`);
    }
  }
  return values;
}

function flagOf(command: AdminCommand, { name }: GivenFlag): AdminFlag | undefined {
  const flags = Object.values(command.flags);
  return flags.find(({ flag }) => flag === name) ??
    flags.find(({ flag, placeholder }) => placeholder === undefined && `no-${flag}` === name);
}

function collect(
  flag: AdminFlag,
  given: GivenFlag,
  out: { readonly texts: Map<string, string[]>; readonly problems: string[] },
): void {
  const isSwitch = flag.placeholder === undefined;
  const isNegated = isSwitch && given.name !== flag.flag;
  const list = out.texts.get(flag.flag) ?? [];
  if (isSwitch !== (given.value === undefined)) {
    out.problems.push(`${given.rawName} ${isSwitch ? "takes no value" : "needs a value"}`);
  } else if (!isSwitch && flag.repeats !== true && list.length > 0) {
    out.problems.push(`${given.rawName} stands there more than once`);
  } else {
    out.texts.set(flag.flag, [...list, given.value ?? String(!isNegated)]);
  }
}

function unknownFlag(command: AdminCommand, { rawName }: GivenFlag): string {
  const known = [...Object.values(command.flags), ...SETTING_FLAGS].map(({ flag }) => `--${flag}`);
  const near = didYouMean(nearestNames(rawName, known));
  return `${command.words} has no option ${JSON.stringify(rawName)}${near}`;
}

/** Whether there are too few words, or too many. */
function countProblems(
  command: AdminCommand,
  words: readonly string[],
  options: { readonly isFrom: boolean },
): readonly string[] {
  const all = Object.values(command.arguments);
  const repeats = all.some((argument) => argument.repeats === true);
  if (options.isFrom && !repeats) return [`${command.words} has no argument for --from`];
  const needed = options.isFrom ? all.length - 1 : all.length;
  const missing = all.slice(words.length, needed);
  if (missing.length > 0) {
    return missing.map(({ placeholder, help }) => `${placeholder} is missing: ${help}`);
  }
  if (repeats || words.length <= all.length) return [];
  return words.slice(all.length).map((word) => `Unexpected argument ${JSON.stringify(word)}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
