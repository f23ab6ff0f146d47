/**
 * Which paths of a tree are asked for: git's pathspecs (gitglossary, "pathspec").
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { type ByteText, utf8ByteText } from "./byte_text.ts";
import { Wildcard } from "./wildcard.ts";

/** One pathspec. */
interface PathItem {
  /** As it was written. */
  readonly text: string;
  readonly excludes: boolean;
  /** The path in front of the first wildcard, or all of it. */
  readonly literal: string;
  readonly ignoreCase: boolean;
  /** Absent for plain paths. */
  readonly wildcard?: Wildcard;
}

const SHORT_MAGIC: Readonly<Record<string, string>> = {
  "/": "top",
  "!": "exclude",
  "^": "exclude",
};
const MAGIC: ReadonlySet<string> = new Set(["top", "exclude", "literal", "glob", "icase"]);

/** Parts magic words and the pattern: `:(glob,icase)x`, `:!x`, `x`. */
function splitMagic(text: string): { readonly words: readonly string[]; readonly pattern: string } {
  const long = /^:\(([^)]*)\)(.*)$/s.exec(text);
  if (long !== null) return { words: long[1]!.split(",").filter(Boolean), pattern: long[2]! };
  const short = /^:([/!^]+):?(.*)$/s.exec(text);
  if (short === null) return { words: [], pattern: text };
  return { words: [...short[1]!].map((each) => SHORT_MAGIC[each]!), pattern: short[2]! };
}

/** Takes `.`, doubled slashes and slashes at the ends away, as git does relative to the root. */
function normalised(pattern: string): string {
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  if (!parts.includes("..")) return parts.join("/");
  throw new GitStratumError("invalid", "Refuse a path outside the repository", {
    data: { path: pattern.slice(0, 200) },
  });
}

function parseItem(text: string): PathItem {
  const { words, pattern } = splitMagic(text);
  const unknown = words.find((word) => !MAGIC.has(word));
  if (unknown !== undefined) {
    throw new GitStratumError("unsupported", "Refuse unknown pathspec magic", {
      data: { magic: unknown.slice(0, 80) },
    });
  }
  const literal = utf8ByteText(normalised(pattern));
  const ignoreCase = words.includes("icase");
  const isPlain = words.includes("literal") || !Wildcard.isIn(literal);
  const item = { text, excludes: words.includes("exclude"), ignoreCase };
  if (isPlain) return { ...item, literal };
  const wildcard = new Wildcard(literal, { pathName: words.includes("glob"), ignoreCase });
  return { ...item, literal: /^[^*?[\\]*/.exec(literal)![0], wildcard };
}

function sameStart(path: string, start: string, item: PathItem): boolean {
  if (!item.ignoreCase) return path.startsWith(start);
  return path.toLowerCase().startsWith(start.toLowerCase());
}

/** Whether the item names the path, or a directory above it. */
function covers(item: PathItem, path: ByteText): boolean {
  if (item.wildcard?.matches(path)) return true;
  if (item.wildcard !== undefined) return false;
  if (item.literal === "") return true;
  if (!sameStart(path, item.literal, item)) return false;
  return path.length === item.literal.length || path[item.literal.length] === "/";
}

/** Whether something below the directory can be named by the item. */
function mayCoverBelow(item: PathItem, directory: ByteText): boolean {
  if (covers(item, directory)) return true;
  const common = Math.min(item.literal.length, directory.length + 1);
  return sameStart(`${directory}/`, item.literal.slice(0, common), item);
}

/** A set of pathspecs. */
export class PathSelection {
  readonly #included: readonly PathItem[];
  readonly #excluded: readonly PathItem[];
  readonly #matched = new Set<PathItem>();

  /** Parses pathspecs; none select everything. @throws `invalid`, `unsupported` */
  constructor(paths: readonly string[]) {
    const items = paths.filter((path) => path !== "").map(parseItem);
    this.#excluded = items.filter((item) => item.excludes);
    this.#included = items.filter((item) => !item.excludes);
  }

  /** Whether everything is selected. */
  get isEverything(): boolean {
    return this.#included.length + this.#excluded.length === 0;
  }

  /** Whether a file is selected; remembers which pathspecs it took. */
  has(path: ByteText): boolean {
    const named = this.#included.filter((item) => covers(item, path));
    for (const item of named) this.#matched.add(item);
    if (named.length === 0 && this.#included.length > 0) return false;
    return !this.#excluded.some((item) => covers(item, path));
  }

  /** Whether something below a directory may be selected. */
  reaches(directory: ByteText): boolean {
    if (this.#excluded.some((item) => item.wildcard === undefined && covers(item, directory))) {
      return false;
    }
    return this.#included.length === 0 ||
      this.#included.some((item) => mayCoverBelow(item, directory));
  }

  /** A pathspec that no file has matched so far. */
  get unmatched(): string | undefined {
    return this.#included.find((item) => !this.#matched.has(item))?.text;
  }
}
