/**
 * Runs a command: finds the server and the token, does what was asked with each argument, prints.
 *
 * @module
 */

import { type Clock, GitStratumError, hasCode } from "@gitstratum/core";
import { parseAccessToken } from "@gitstratum/core/access";
import type { Fetcher } from "@gitstratum/core/rpc";
import { AdminApi } from "./admin_api.ts";
import type { AdminCommand, AdminContext, AdminOutcome } from "./admin_command.ts";
import { ADMIN_COMMANDS } from "./admin_commands.ts";
import { type AdminSettings, mayCarryToken, TOKEN_VARIABLE } from "./admin_settings.ts";
import { bashCompletion } from "./bash_completion.ts";
import { commandHelp } from "./command_help.ts";
import { type AdminRequest, readArguments, readCommandLine } from "./command_line.ts";
import { EXIT_CODES, type ExitName, exitNameOf } from "./exit_code.ts";
import { correction } from "./known_names.ts";
import { OutcomePrinter } from "./outcome_printer.ts";
import { ProgressBar, type ProgressTerminal } from "./progress_bar.ts";
import { sessionCommands } from "./session_commands.ts";

/** The program's name where it is compiled, and in what it prints. */
export const ADMIN_PROGRAM = "gitstratum-admin";
/** Requests that are on their way at once, when a command is done with many arguments. */
const AT_ONCE_COUNT = 4;

/** What the command line finds around it. */
export interface AdminWorld {
  /** The command line after the program's name. */
  readonly args: readonly string[];
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Time. */
  readonly clock: Clock;
  /** Where progress is shown. */
  readonly terminal: ProgressTerminal;
  /** Carries requests; trusts the authority in a PEM file besides the usual ones. */
  fetcher(options: { readonly tlsCa?: string }): Fetcher;
  /** Prints a line of what was asked for. */
  print(line: string): void;
  /** Prints a line for people. */
  printError(line: string): void;
  /** Reads a file; `-` is standard input. */
  readText(path: string): Promise<string>;
  /** Asks a person; undefined when there is none. */
  confirm(question: string): boolean | undefined;
  /** Where tokens are kept and read. */
  readonly tokens: AdminTokens;
}

/** Files with tokens. */
export interface AdminTokens {
  /** The token in a file that only its user can read. @throws `denied`, `not-found` */
  read(path: string): Promise<string>;
  /** The token that is kept for a server; undefined when there is none. @throws `denied` */
  kept(baseUrl: string): Promise<string | undefined>;
  /** Keeps a token for a server; answers where. */
  keep(baseUrl: string, token: string): Promise<string>;
}

/** Every command. */
export const ALL_COMMANDS: readonly AdminCommand[] = [
  ...ADMIN_COMMANDS,
  ...sessionCommands(() => bashCompletion(ALL_COMMANDS, ADMIN_PROGRAM)),
];

/** Does what the command line says; answers the exit code. */
export async function runAdmin(world: AdminWorld): Promise<number> {
  const request = readCommandLine(ALL_COMMANDS, world);
  switch (request.kind) {
    case "help":
      world.print(commandHelp(ALL_COMMANDS, request.words, ADMIN_PROGRAM));
      return EXIT_CODES.ok.code;
    case "invalid":
      for (const problem of request.problems) world.printError(problem);
      return EXIT_CODES.usage.code;
    case "run":
      return EXIT_CODES[await run(request, world)].code;
  }
}

type Run = Extract<AdminRequest, { readonly kind: "run" }>;

async function run(request: Run, world: AdminWorld): Promise<ExitName> {
  const { command, settings } = request;
  try {
    const targets = readArguments(command, await allWords(request, world));
    const context = await contextOf(settings, world);
    if (!isAgreed(command, targets.map(({ target }) => target), { settings, world })) {
      return "failed";
    }
    return await runAll(request, targets, { world, context });
  } catch (error) {
    return await fail(error, { world });
  }
}

/** The words behind the command, with those of the file that was named. */
async function allWords({ settings, words }: Run, world: AdminWorld): Promise<readonly string[]> {
  if (settings.from === undefined) return words;
  const text = await world.readText(settings.from);
  return [...words, ...text.split("\n").map((line) => line.trim()).filter((line) => line !== "")];
}

async function contextOf(settings: AdminSettings, world: AdminWorld): Promise<AdminContext> {
  const baseUrl = settings.server!;
  const token = await tokenFor(baseUrl, settings, world);
  const { tlsCa } = settings;
  const fetcher = world.fetcher(tlsCa === undefined ? {} : { tlsCa });
  const apiWith = (token?: string) => {
    if (token !== undefined && !mayCarryToken(baseUrl, settings)) {
      throw new GitStratumError("denied", "Send no token over plain HTTP without --allow-http", {
        data: { server: baseUrl },
      });
    }
    const options = { fetcher, baseUrl, agent: ADMIN_PROGRAM, clock: world.clock };
    return new AdminApi(token === undefined ? options : { ...options, token });
  };
  return {
    api: apiWith(token),
    apiWith,
    nowMs: world.clock.nowMs(),
    readText: (path) => world.readText(path),
    saveToken: (text) => world.tokens.keep(baseUrl, text),
  };
}

async function tokenFor(
  baseUrl: string,
  settings: AdminSettings,
  world: AdminWorld,
): Promise<string | undefined> {
  const { [TOKEN_VARIABLE]: variable = "" } = world.environment;
  const text = variable !== ""
    ? variable
    : settings.tokenFile === undefined
    ? await world.tokens.kept(baseUrl)
    : await world.tokens.read(settings.tokenFile);
  if (text === undefined) return undefined;
  const token = parseAccessToken(text.trim());
  if (token !== undefined) return token;
  const from = variable !== "" ? TOKEN_VARIABLE : settings.tokenFile ?? "what login kept";
  throw new GitStratumError("invalid", "Find no token where one should be", { data: { from } });
}

/** Whether a person who can be asked agrees; programs have agreed by what they typed. */
function isAgreed(
  { question }: AdminCommand,
  targets: readonly string[],
  parts: { readonly settings: AdminSettings; readonly world: AdminWorld },
): boolean {
  const { settings, world } = parts;
  if (question === undefined || settings.yes === true) return true;
  const more = targets.length > 1 ? ` and ${targets.length - 1} more` : "";
  return world.confirm(`${question} ${targets[0]}${more}?`) ?? true;
}

type Targets = ReturnType<typeof readArguments>;

/**
 * Runs with some arguments at once, and prints in order. All are tried whatever fails, unless that is
 * the server or the token, which would fail all the others, too.
 */
async function runAll(
  request: Run,
  targets: Targets,
  parts: { readonly world: AdminWorld; readonly context: AdminContext },
): Promise<ExitName> {
  const { command, flags, settings } = request;
  const { world, context } = parts;
  const bar = new ProgressBar(world.terminal, world.clock, {
    what: command.words,
    ...(targets.length > 1 ? { total: targets.length } : {}),
  });
  const printer = new OutcomePrinter(world, {
    isJson: settings.json === true,
    isMany: targets.length > 1,
    bar,
  });
  let exit: ExitName = "ok";
  const running: Promise<() => Promise<void>>[] = [];
  const begin = ({ target, values }: Targets[number]) => {
    const done: Promise<AdminOutcome> = command.run({ ...values, ...flags }, context);
    running.push(done.then(
      (outcome) => () => printer.print(outcome, target),
      (error) => () => Promise.reject(error),
    ));
  };
  let next = 0;
  while (next < targets.length || running.length > 0) {
    while (next < targets.length && running.length < AT_ONCE_COUNT) begin(targets[next++]!);
    try {
      await (await running.shift()!)();
    } catch (error) {
      bar.clear();
      const failure = await fail(error, { world, api: context.api });
      if (exit === "ok") exit = failure;
      if (failsAll(error) && next < targets.length) {
        world.printError(`${targets.length - next} of ${targets.length} were not tried`);
        next = targets.length;
      }
    }
    if (targets.length > 1) bar.advance();
  }
  bar.clear();
  return exit;
}

function failsAll(error: unknown): boolean {
  return hasCode(error, "unavailable") || hasCode(error, "unauthenticated");
}

/** Tells what went wrong. */
async function fail(
  error: unknown,
  parts: { readonly world: AdminWorld; readonly api?: AdminApi },
): Promise<ExitName> {
  const { world, api } = parts;
  if (error instanceof GitStratumError) {
    const more = api === undefined ? "" : await correction(api, error);
    world.printError(error.describe() + more);
    return exitNameOf(error.code);
  }
  world.printError(error instanceof Error ? error.message : String(error));
  return "usage";
}
