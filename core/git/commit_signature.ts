/**
 * The signature in a commit, and what it was made over: the commit without its headers of signatures.
 *
 * A commit of sha1 has it in `gpgsig`, one of sha256 in `gpgsig-sha256` (git's
 * hash-function-transition document); whichever is not asked for is left out all the same.
 *
 * @module
 */

import { concatBytes } from "../concat_bytes.ts";
import type { ObjectFormat } from "./oid.ts";

/** A commit's signature. */
export interface CommitSignature {
  /** Armoured, with line ends. */
  readonly signature: string;
  /** What was signed. */
  readonly payload: Uint8Array;
}

const HEADERS: Readonly<Record<ObjectFormat, string>> = {
  sha1: "gpgsig ",
  sha256: "gpgsig-sha256 ",
};
const LINE_END = 0x0a;
const SPACE = 0x20;

/** Takes a commit apart; undefined when it has no signature. */
export function commitSignature(
  commit: Uint8Array,
  format: ObjectFormat,
): CommitSignature | undefined {
  const kept: Uint8Array[] = [];
  let signature = "";
  /** What the lines that go on a header belong to. */
  let inside: "signature" | "other" | "kept" = "kept";
  for (let at = 0; at < commit.length;) {
    const found = commit.indexOf(LINE_END, at);
    const end = found < 0 ? commit.length : found + 1;
    if (commit[at] === LINE_END) {
      kept.push(commit.subarray(at));
      break;
    }
    const line = commit.subarray(at, end);
    const goesOn = line[0] === SPACE;
    if (!goesOn) inside = kindOf(line, format);
    if (inside === "kept") kept.push(line);
    if (inside === "signature") {
      signature += latin1(line.subarray(goesOn ? 1 : HEADERS[format].length));
    }
    at = end;
  }
  return signature === "" ? undefined : { signature, payload: concatBytes(kept) };
}

function kindOf(line: Uint8Array, format: ObjectFormat): "signature" | "other" | "kept" {
  const start = latin1(line.subarray(0, 20));
  if (start.startsWith(HEADERS[format])) return "signature";
  return start.startsWith("gpgsig") ? "other" : "kept";
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
