/**
 * Errors as git's users read them, in `ERR` packets, on side band 3 and behind `unpack`.
 *
 * @module
 */

import { type ErrorCode, GitStratumError } from "@gitstratum/core";
import { clientText } from "@gitstratum/core/protocol";

/** Codes whose cause is what the client sent or asked for. */
const CALLERS_FAULTS: ReadonlySet<ErrorCode> = new Set([
  "not-found",
  "already-exists",
  "invalid",
  "denied",
  "unauthenticated",
  "exhausted",
  "unsupported",
]);

/** Whether the client has to change something before it tries again. */
export function isCallersFault(error: unknown): error is GitStratumError {
  return error instanceof GitStratumError && CALLERS_FAULTS.has(error.code);
}

/** One line about an error: git's own words, or message and facts; static for anything unexpected. */
export function shownError(error: unknown): string {
  return clientText(error).replaceAll(/[\r\n]+/g, " ");
}
