/**
 * What a client of `git archive --remote` asks for: the arguments of git-archive, read as its own
 * option parser reads them.
 *
 * @module
 */

import { protocolError } from "@gitstratum/core/protocol";

/** Formats that are offered, in the order in which they are listed. */
export const ARCHIVE_FORMATS = ["tar", "tgz", "tar.gz", "zip"] as const;

/** One of {@link ARCHIVE_FORMATS}. */
export type ArchiveFormat = typeof ARCHIVE_FORMATS[number];

/** A request. */
export type ArchiveRequest =
  /** Which formats are there? */
  | { readonly kind: "list" }
  | {
    readonly kind: "archive";
    readonly format: ArchiveFormat;
    /** In front of every path. */
    readonly prefix: string;
    /** 0 to 9. */
    readonly level?: number;
    /** Time of all entries in seconds; the commit's when absent. */
    readonly timeS?: number;
    /** Tell each path as it is written. */
    readonly verbose: boolean;
    /** A reference, or `reference:path`. */
    readonly treeish: string;
    /** Pathspecs; none mean everything. */
    readonly paths: readonly string[];
  };

/** Options with a value, and whether a remote client may use them. */
const VALUE_OPTIONS: Readonly<Record<string, "taken" | "refused">> = {
  format: "taken",
  prefix: "taken",
  mtime: "taken",
  output: "refused",
  remote: "refused",
  exec: "refused",
  "add-file": "refused",
  "add-virtual-file": "refused",
};

/** Arguments taken apart. */
class Arguments {
  readonly values = new Map<string, string>();
  readonly flags = new Set<string>();
  readonly words: string[] = [];
  level: number | undefined;
  readonly #rest: string[];

  constructor(words: readonly string[]) {
    this.#rest = [...words];
    for (let word = this.#rest.shift(); word !== undefined; word = this.#rest.shift()) {
      if (word === "--") this.words.push(...this.#rest.splice(0));
      else if (word.startsWith("--")) this.#long(word.slice(2));
      else if (word.startsWith("-") && word !== "-") this.#short(word.slice(1));
      else this.words.push(word);
    }
  }

  #long(text: string): void {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const use = Object.hasOwn(VALUE_OPTIONS, name) ? VALUE_OPTIONS[name] : undefined;
    if (use === "refused") throw fatal(`Unexpected option --${name}`);
    if (use === "taken") {
      const value = equals < 0 ? this.#rest.shift() : text.slice(equals + 1);
      if (value === undefined) throw fatal(`option \`${name}' requires a value`);
      this.values.set(name, value);
    } else if (/^(list|(no-)?verbose|(no-)?worktree-attributes)$/.test(text)) {
      this.flags.add(text);
    } else {
      throw fatal(`unknown option \`${text.slice(0, 80)}'`);
    }
  }

  #short(letters: string): void {
    if (/^[0-9]+$/.test(letters)) {
      this.level = Number(letters);
      return;
    }
    for (const letter of letters) {
      if (letter === "l") this.flags.add("list");
      else if (letter === "v") this.flags.add("verbose");
      else if (letter === "o") throw fatal("Unexpected option --output");
      else throw fatal(`unknown switch \`${letter}'`);
    }
  }
}

function fatal(text: string): Error {
  return protocolError(text);
}

function formatOf(text: string): ArchiveFormat {
  const format = ARCHIVE_FORMATS.find((each) => each === text);
  if (format === undefined) throw fatal(`Unknown archive format '${text.slice(0, 80)}'`);
  return format;
}

function checkLevel(format: ArchiveFormat, level: number | undefined): void {
  if (level === undefined || (format !== "tar" && level <= 9)) return;
  throw fatal(`Argument not supported for format '${format}': -${level}`);
}

/** Seconds since the Unix epoch, or a date as RFC 3339 has it. */
function parseTime(text: string): number {
  const seconds = /^@?([0-9]{1,12})$/.exec(text)?.[1];
  const timeS = seconds === undefined ? Math.floor(Date.parse(text) / 1000) : Number(seconds);
  if (Number.isFinite(timeS) && timeS >= 0) return timeS;
  throw fatal(`Argument not supported: --mtime=${text.slice(0, 80)}`);
}

/**
 * Reads the arguments of a request.
 *
 * @throws `invalid` with git's words when they make no sense
 */
export function parseArchiveRequest(words: readonly string[]): ArchiveRequest {
  const { values, flags, words: operands, level } = new Arguments(words);
  const [treeish, ...paths] = operands;
  if (flags.has("list")) {
    if (treeish !== undefined) {
      throw fatal(`extra command line parameter '${treeish.slice(0, 80)}'`);
    }
    return { kind: "list" };
  }
  if (treeish === undefined) throw fatal("usage: git archive [<options>] <tree-ish> [<path>...]");
  const format = formatOf(values.get("format") ?? "tar");
  checkLevel(format, level);
  const mtime = values.get("mtime");
  return {
    kind: "archive",
    format,
    prefix: values.get("prefix") ?? "",
    ...(level === undefined ? {} : { level }),
    ...(mtime === undefined ? {} : { timeS: parseTime(mtime) }),
    verbose: flags.has("verbose"),
    treeish,
    paths,
  };
}
