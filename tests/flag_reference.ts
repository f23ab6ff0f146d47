/**
 * Renders `docs/flags.md` from the tables that the programs read their settings by, so that the page
 * and `--help` can not tell different things.
 *
 * `deno task flags` writes the page; a test compares it.
 *
 * @module
 */

import { CONTROL_CONFIG_TABLE } from "@gitstratum/control";
import { type ConfigOption, type ConfigTable, SERVER_CONFIG_TABLE } from "@gitstratum/core";
import { METADATA_CONFIG_TABLE } from "@gitstratum/metadata";
import { OBJECT_CONFIG_TABLE } from "@gitstratum/object";
import { projectRoot } from "./harness/gitstratum_server.ts";

/** The page, from the root of the project. */
export const FLAG_REFERENCE_PATH = "docs/flags.md";

const PROGRAMS: readonly { readonly title: string; readonly table: ConfigTable }[] = [
  { title: "`start:frontend`", table: SERVER_CONFIG_TABLE },
  { title: "`start:control`", table: CONTROL_CONFIG_TABLE },
  { title: "`start:metadata`", table: METADATA_CONFIG_TABLE },
  { title: "`start:object`", table: OBJECT_CONFIG_TABLE },
];

const INTRODUCTION = `# Flags

Every setting is a flag, an environment variable and a name in the JSON file that \`--config\` names
(the flag without its dashes), in this order of precedence. A switch is turned off by \`--no-\`
before its name. A start with settings that make no sense reports all of them and ends with code 2;
\`--help\` prints what is here. This page is written by \`deno task flags\`.
`;

/** The page as Markdown, its tables not aligned. */
export function flagReference(): string {
  const shared = rowsOf(PROGRAMS[0]!.table).filter((row) =>
    PROGRAMS.every(({ table }) => rowsOf(table).includes(row))
  );
  const sections = PROGRAMS.map(({ title, table }) =>
    section(title, rowsOf(table).filter((row) => !shared.includes(row)))
  );
  return [INTRODUCTION, section("Every program", shared), ...sections].join("\n");
}

function rowsOf(table: ConfigTable): readonly string[] {
  return Object.values(table).map(row).sort();
}

function row(option: ConfigOption<unknown>): string {
  const { placeholder, defaultText } = option;
  const flag = placeholder === undefined ? option.flag : `${option.flag} ${placeholder}`;
  const without = option.isRequired ? "needed" : "";
  const cells = [
    `\`--${flag}\``,
    `\`${option.environment}\``,
    defaultText === undefined ? without : `\`${defaultText}\``,
    option.help,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function section(title: string, rows: readonly string[]): string {
  const head = ["| flag | variable | default | meaning |", "| --- | --- | --- | --- |"];
  return [`## ${title}`, "", ...head, ...rows, ""].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(`${projectRoot}/${FLAG_REFERENCE_PATH}`, flagReference());
}
