/**
 * What the command line's exit code says to programs.
 *
 * @module
 */

import type { ErrorCode } from "@gitstratum/core";

/** The exit codes and what they mean; the table of the help text and of the documents. */
export const EXIT_CODES = {
  ok: { code: 0, means: "done" },
  failed: { code: 1, means: "failed for another reason" },
  usage: { code: 2, means: "the command line, or a value in it, is wrong" },
  missing: { code: 3, means: "there is no such thing, or the caller may not know of it" },
  denied: { code: 4, means: "the caller may not do this, or showed no good token" },
  conflict: { code: 5, means: "there is such a thing already, or it changed meanwhile" },
  unavailable: { code: 6, means: "the server can not be reached, or is busy: try again later" },
} as const;

/** Names an exit code. */
export type ExitName = keyof typeof EXIT_CODES;

/** The exit code of an error. */
export function exitNameOf(code: ErrorCode): ExitName {
  switch (code) {
    case "not-found":
      return "missing";
    case "denied":
    case "unauthenticated":
      return "denied";
    case "already-exists":
    case "conflict":
      return "conflict";
    case "unavailable":
    case "exhausted":
    case "aborted":
      return "unavailable";
    case "invalid":
      return "usage";
    default:
      return "failed";
  }
}
