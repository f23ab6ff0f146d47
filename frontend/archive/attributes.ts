/**
 * `.gitattributes` of a tree, as far as archives ask: which paths are left out (`export-ignore`), and in
 * which commit facts are filled in (`export-subst`). Source: gitattributes.
 *
 * Files above the limits are left unread, as git leaves them; a line that makes no sense is no line.
 *
 * @module
 */

import { type ByteText, byteText } from "./byte_text.ts";
import { Wildcard } from "./wildcard.ts";

/** Longest file and line that git reads, in bytes. */
export const ATTRIBUTES_BYTES_MAX = 100 * 1024 * 1024;
const LINE_BYTES_MAX = 2048;
/** Files of this size are read here; larger ones hold no attributes of source code. */
export const ATTRIBUTES_READ_BYTES_MAX = 1024 * 1024;

/** What archives ask of a path. */
export type ArchiveAttribute = "export-ignore" | "export-subst";

/** Name and state; undefined takes back what outer files say. */
type Assignment = readonly [name: string, state: boolean | undefined];

interface Rule {
  readonly assignments: readonly Assignment[];
  matches(path: ByteText, isDirectory: boolean): boolean;
}

function parseAssignment(word: string): Assignment {
  if (word.startsWith("-")) return [word.slice(1), false];
  if (word.startsWith("!")) return [word.slice(1), undefined];
  const equals = word.indexOf("=");
  // A value is neither true nor false; archives look for true alone.
  return equals < 0 ? [word, true] : [word.slice(0, equals), false];
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The first word of a line, which may be quoted as in C, and the rest. */
function splitPattern(line: string): readonly [pattern: string, rest: string] | undefined {
  if (!line.startsWith('"')) {
    const end = line.search(/[ \t]/);
    return end < 0 ? [line, ""] : [line.slice(0, end), line.slice(end)];
  }
  const quoted = /^"((?:[^"\\]|\\.)*)"(.*)$/s.exec(line);
  if (quoted === null) return undefined;
  const pattern = quoted[1]!.replaceAll(
    /\\([0-7]{3}|.)/gs,
    (_, escape: string) =>
      escape.length === 3 ? String.fromCharCode(parseInt(escape, 8)) : ESCAPES[escape] ?? escape,
  );
  return [pattern, quoted[2]!];
}

/** The rule of a pattern below `directory`, which is empty or ends with a slash. */
function rule(pattern: string, directory: ByteText, assignments: readonly Assignment[]): Rule {
  const onlyDirectories = pattern.endsWith("/");
  const bare = onlyDirectories ? pattern.slice(0, -1) : pattern;
  const anchored = bare.includes("/");
  const text = (bare.startsWith("/") ? bare.slice(1) : bare) as ByteText;
  const wildcard = new Wildcard(text, { pathName: true });
  return {
    assignments,
    matches(path, isDirectory) {
      if (onlyDirectories && !isDirectory) return false;
      const from = anchored ? directory.length : path.lastIndexOf("/") + 1;
      return wildcard.matches(path.slice(from) as ByteText);
    },
  };
}

/** The attributes that hold in a directory: its own file and those above it. */
export class DirectoryAttributes {
  readonly #outer: DirectoryAttributes | undefined;
  readonly #rules: Rule[] = [];
  readonly #macros: ReadonlyMap<string, readonly Assignment[]>;

  private constructor(
    outer: DirectoryAttributes | undefined,
    macros: ReadonlyMap<string, readonly Assignment[]>,
  ) {
    this.#outer = outer;
    this.#macros = macros;
  }

  /** No attributes at all. */
  static readonly none: DirectoryAttributes = new DirectoryAttributes(undefined, new Map());

  /** Adds the file of a directory; its path is empty for the root, or ends with a slash. */
  within(directory: ByteText, file: Uint8Array): DirectoryAttributes {
    const macros = new Map(this.#macros);
    const inner = new DirectoryAttributes(this, macros);
    for (const line of byteText(file).split("\n")) {
      inner.#addLine(line.replace(/\r$/, "").trimStart(), directory, macros);
    }
    return inner;
  }

  /** Whether an attribute is set on a path, which does not end with a slash. */
  isSet(name: ArchiveAttribute, path: ByteText, isDirectory: boolean): boolean {
    for (const each of this.#rules.toReversed()) {
      if (!each.matches(path, isDirectory)) continue;
      const found = this.#assigned(each, name);
      if (found !== undefined) return found[1] === true;
    }
    return this.#outer?.isSet(name, path, isDirectory) ?? false;
  }

  #addLine(line: string, directory: ByteText, macros: Map<string, readonly Assignment[]>): void {
    if (line === "" || line.startsWith("#") || line.length >= LINE_BYTES_MAX) return;
    const split = splitPattern(line);
    if (split === undefined) return;
    const [pattern, rest] = split;
    const assignments = rest.split(/[ \t]+/).filter((word) => word !== "").map(parseAssignment);
    if (pattern.startsWith("[attr]")) {
      // Only the file at the top may define macros.
      if (directory === "") macros.set(pattern.slice(6), assignments);
    } else if (!pattern.startsWith("!")) {
      this.#rules.push(rule(pattern, directory, assignments));
    }
  }

  /** What a rule says of an attribute, itself or by a macro; the last word counts. */
  #assigned(from: Rule, name: string): Assignment | undefined {
    for (const assignment of from.assignments.toReversed()) {
      if (assignment[0] === name) return assignment;
      const macro = assignment[1] === true ? this.#macros.get(assignment[0]) : undefined;
      const found = macro?.findLast(([each]) => each === name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
