/**
 * Help texts, made from the table of commands.
 *
 * @module
 */

import { helpText } from "@gitstratum/core";
import type { AdminCommand } from "./admin_command.ts";
import { ADMIN_SETTINGS_TABLE, TOKEN_VARIABLE } from "./admin_settings.ts";
import { EXIT_CODES } from "./exit_code.ts";

/** The help on a command, on a group of commands (their first word), or on all (no words). */
export function commandHelp(
  commands: readonly AdminCommand[],
  words: string,
  program: string,
): string {
  const command = commands.find((one) => one.words === words);
  if (command !== undefined) return oneHelp(command, program);
  const listed = words === ""
    ? commands
    : commands.filter((one) => one.words.startsWith(`${words} `));
  const usage = `${program} ${words === "" ? "COMMAND" : `${words} …`} [options]`;
  return [
    `Usage: ${usage}`,
    "",
    ...columns(listed.map((one) => [usageOf(one), one.summary])),
    "",
    `${program} COMMAND --help tells more of a command.`,
    "",
    ...words === "" ? commonHelp() : [],
  ].join("\n");
}

function oneHelp(command: AdminCommand, program: string): string {
  const flags = Object.values(command.flags).map((flag) => [
    flag.placeholder === undefined
      ? `--[no-]${flag.flag}`
      : `--${flag.flag} ${flag.placeholder}${flag.repeats ? "…" : ""}`,
    `${flag.help}${flag.isRequired ? " Needed." : ""}`,
  ]);
  const rows = Object.values(command.arguments)
    .map(({ placeholder, help }) => [placeholder, help]);
  return [
    `Usage: ${program} ${usageOf(command)} [options]`,
    "",
    command.summary,
    "",
    ...columns([...rows, ...flags]),
    ...rows.length + flags.length > 0 ? [""] : [],
    `${program} --help tells of the options that all commands have.`,
    "",
  ].join("\n");
}

function commonHelp(): readonly string[] {
  // The usage stands above already.
  const settings = helpText("", ADMIN_SETTINGS_TABLE).split("\n").slice(2);
  return [
    "Options of all commands:",
    "",
    ...settings,
    `The token is taken from ${TOKEN_VARIABLE}, --token-file, or what login kept.`,
    "",
    "Exit codes:",
    "",
    ...columns(Object.values(EXIT_CODES).map(({ code, means }) => [String(code), means])),
    "",
  ];
}

function usageOf({ words, arguments: args }: AdminCommand): string {
  const names = Object.values(args).map(({ placeholder, repeats }) =>
    repeats ? `${placeholder}…` : placeholder
  );
  return [words, ...names].join(" ");
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([left]) => left!.length)) + 2;
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}${right}`);
}
