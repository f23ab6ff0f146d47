/**
 * Errors that a git client shall read, in the words that git's own server uses.
 *
 * @module
 */

import { type ErrorCode, GitStratumError } from "../error.ts";
import type { Oid } from "../git/oid.ts";

/** A request that breaks the protocol. `clientText` goes to the client as it is. */
export function protocolError(clientText: string, code: ErrorCode = "invalid"): GitStratumError {
  return new GitStratumError(code, "Reject a protocol request", { data: { clientText } });
}

/** A want that the repository does not serve. */
export function notOurRef(oid: Oid): GitStratumError {
  return protocolError(`upload-pack: not our ref ${oid}`, "denied");
}

/** What to tell a client about an error: its own text when it has one. */
export function clientText(error: unknown): string {
  if (!(error instanceof GitStratumError)) return "internal server error";
  const text = error.data.clientText;
  return typeof text === "string" ? text : error.describe();
}

/** At most 200 characters of what a client sent, for use in a message. */
export function excerpt(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
