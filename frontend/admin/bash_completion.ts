/**
 * Completion for bash, made from the table of commands: words, options, and values that are few. Names
 * of repositories, users and owners are asked of the server.
 *
 * @module
 */

import type { AdminArgument, AdminCommand } from "./admin_command.ts";
import { ADMIN_SETTINGS_TABLE } from "./admin_settings.ts";

/** The script, for `source <(PROGRAM completion bash)`. */
export function bashCompletion(commands: readonly AdminCommand[], program: string): string {
  const name = `_${program.replaceAll(/[^a-z0-9]/g, "_")}`;
  return [
    `# Completion of ${program} for bash: source <(${program} completion bash)`,
    `${name}() {`,
    '  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    '  local path="" words="" names="" index word',
    "  for ((index = 1; index < COMP_CWORD; index++)); do",
    '    word="${COMP_WORDS[index]}"',
    '    case "$path/$word" in',
    `      ${[...paths(commands)].map(quoted).join("|")}) path="$path/$word" ;;`,
    "    esac",
    "  done",
    '  case "$path" in',
    ...[...nextWords(commands)].map(([path, next]) =>
      `    ${quoted(path)}) words=${quoted(next.join(" "))} ;;`
    ),
    ...commands.map((command) => `    ${quoted(pathOf(command))}) ${candidates(command)} ;;`),
    "  esac",
    '  case "$before" in',
    ...choices(commands),
    "  esac",
    '  if [[ -n "$names" && "$current" != -* ]]; then',
    `    words="$(${program} names "$names" "$current" 2>/dev/null)"`,
    "  fi",
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    "}",
    `complete -F ${name} ${program}`,
    "",
  ].join("\n");
}

function pathOf({ words }: AdminCommand): string {
  return `/${words.replaceAll(" ", "/")}`;
}

/** Every beginning of a command. */
function paths(commands: readonly AdminCommand[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { words } of commands) {
    const parts = words.split(" ");
    for (const count of parts.keys()) found.add(`/${parts.slice(0, count + 1).join("/")}`);
  }
  return found;
}

/** What may follow a beginning that is no whole command. */
function nextWords(commands: readonly AdminCommand[]): ReadonlyMap<string, readonly string[]> {
  const next = new Map<string, string[]>();
  for (const path of paths(commands)) {
    const slash = path.lastIndexOf("/");
    const [from, word] = [path.slice(0, slash), path.slice(slash + 1)];
    next.set(from, [...next.get(from) ?? [], word]);
  }
  return next;
}

function candidates(command: AdminCommand): string {
  const flags = [...Object.values(command.flags), ...Object.values(ADMIN_SETTINGS_TABLE)]
    .map(({ flag }) => `--${flag}`);
  const named = Object.values<AdminArgument>(command.arguments).find(({ names }) => names);
  const names = named?.names === undefined ? "" : `; names=${quoted(named.names)}`;
  return `words=${quoted([...flags, "--help"].join(" "))}${names}`;
}

/** Values of options that have only a few, wherever they stand. */
function choices(commands: readonly AdminCommand[]): readonly string[] {
  const found = new Map<string, Set<string>>();
  for (const flag of commands.flatMap(({ flags }) => Object.values(flags))) {
    if (flag.choices === undefined) continue;
    found.set(flag.flag, new Set([...found.get(flag.flag) ?? [], ...flag.choices]));
  }
  return [...found].map(([flag, values]) =>
    `    ${quoted(`--${flag}`)}) words=${quoted([...values].join(" "))}; names="" ;;`
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
