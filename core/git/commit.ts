/**
 * Commits as raw bytes. Only what the server needs is read, as leniently as git reads it; everything
 * else (extra headers, signatures, encodings, a missing message) is left alone.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { HeaderCursor } from "./header_cursor.ts";
import type { ObjectFormat, Oid } from "./oid.ts";

/** What a commit says of the graph. */
export interface Commit {
  /** The root tree. */
  readonly tree: Oid;
  /** In the order of the commit; one may occur twice. */
  readonly parents: readonly Oid[];
  /** Committer time in seconds since the Unix epoch; 0 when it can not be read. */
  readonly committerTimeS: number;
}

function malformed(reason: string): GitStratumError {
  return new GitStratumError("invalid", "Reject a malformed commit", { data: { reason } });
}

/**
 * Reads a commit.
 *
 * @throws `invalid` when its tree or a parent can not be read
 */
export function parseCommit(bytes: Uint8Array, format: ObjectFormat): Commit {
  const cursor = new HeaderCursor(bytes);
  const tree = cursor.skip("tree ") ? cursor.oidLine(format) : undefined;
  if (tree === undefined) throw malformed("the tree line is bad");
  const parents: Oid[] = [];
  while (cursor.skip("parent ")) {
    const parent = cursor.oidLine(format);
    if (parent === undefined) throw malformed("a parent line is bad");
    parents.push(parent);
  }
  return { tree, parents, committerTimeS: committerTimeS(cursor) };
}

function committerTimeS(cursor: HeaderCursor): number {
  if (!cursor.skip("author") || cursor.line() === undefined) return 0;
  if (!cursor.skip("committer")) return 0;
  return identityTimeS(cursor.line() ?? new Uint8Array(0));
}

const GREATER = 0x3e;
const DIGIT_0 = 0x30;

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

/** The number behind the last `>` of an identity line; 0 when there is none, clamped when too large. */
export function identityTimeS(line: Uint8Array): number {
  const close = line.lastIndexOf(GREATER);
  if (close < 0) return 0;
  let position = close + 1;
  while (isBlank(line[position])) position++;
  let seconds = 0;
  for (;;) {
    const digit = (line[position++] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) return seconds;
    seconds = Math.min(seconds * 10 + digit, Number.MAX_SAFE_INTEGER);
  }
}
