/**
 * Sparse patterns as `git rev-list --filter=sparse:oid` applies them: lines as in gitignore, where a
 * match includes; the last matching line decides, and a path that no line matches has the fate of its
 * directory.
 *
 * Source: gitignore (PATTERN FORMAT), git-rev-list (`--filter=sparse:oid`).
 *
 * @module
 */

import { GitStratumError, SPARSE_GLOB_COUNT_MAX, SPARSE_PATTERN_BYTES_MAX } from "@gitstratum/core";
import { Glob } from "./glob.ts";

interface SparseLine {
  readonly number: number;
  readonly isIncluded: boolean;
  /** Matches directories only. */
  readonly isDirectory: boolean;
  /** Matches whole paths; a line without a slash matches last components. */
  readonly isAnchored: boolean;
  readonly glob: Glob;
}

/** Patterns of one blob. */
export class SparsePatterns {
  readonly #globs: readonly SparseLine[];
  /** Lines without wildcards, by their text; most patterns are such. */
  readonly #literals = new Map<string, SparseLine[]>();
  /** Whether a directory's entries are in, unless a line says otherwise. */
  readonly #directories = new Map<string, boolean>([["", false]]);

  /**
   * Parses the text of a pattern file; lines that git ignores are ignored.
   *
   * @throws `exhausted` when there is more of it than its limits allow
   */
  constructor(text: string) {
    const lines = text.split("\n").flatMap((line, number) => parseLine(line, number) ?? []);
    this.#globs = lines.filter((line) => line.glob.literal === undefined);
    if (text.length > SPARSE_PATTERN_BYTES_MAX || this.#globs.length > SPARSE_GLOB_COUNT_MAX) {
      throw new GitStratumError("exhausted", "Refuse sparse patterns above their limits", {
        data: { characters: text.length, globs: this.#globs.length },
      });
    }
    for (const line of lines) {
      if (line.glob.literal === undefined) continue;
      const list = this.#literals.get(line.glob.literal) ?? [];
      this.#literals.set(line.glob.literal, [...list, line]);
    }
  }

  /** Whether the file at `path` is in. */
  includes(path: string): boolean {
    return this.#match(path, false) ?? this.#includesDirectory(parentOf(path));
  }

  #includesDirectory(path: string): boolean {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const isIncluded = this.#match(path, true) ?? this.#includesDirectory(parentOf(path));
    this.#directories.set(path, isIncluded);
    return isIncluded;
  }

  #match(path: string, isDirectory: boolean): boolean | undefined {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const isFor = (line: SparseLine) => isDirectory || !line.isDirectory;
    const found = [
      ...(this.#literals.get(path) ?? []).filter((line) => line.isAnchored || path === name),
      ...(path === name ? [] : this.#literals.get(name) ?? []).filter((line) => !line.isAnchored),
      ...this.#globs.filter((line) => line.glob.matches(line.isAnchored ? path : name)),
    ].filter(isFor);
    let last: SparseLine | undefined;
    for (const line of found) if (last === undefined || line.number > last.number) last = line;
    return last?.isIncluded;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function parseLine(raw: string, number: number): SparseLine | undefined {
  let text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
  if (text === "" || text.startsWith("#")) return undefined;
  while (text.endsWith(" ") && !text.endsWith("\\ ")) text = text.slice(0, -1);
  const isIncluded = !text.startsWith("!");
  if (!isIncluded) text = text.slice(1);
  const isDirectory = text.endsWith("/");
  if (isDirectory) text = text.slice(0, -1);
  const isAnchored = text.includes("/");
  if (text.startsWith("/")) text = text.slice(1);
  if (text === "") return undefined;
  return { number, isIncluded, isDirectory, isAnchored, glob: new Glob(text) };
}
