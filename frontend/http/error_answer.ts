/**
 * Errors as clients of the public HTTP side see them: JSON for the API, plain text for git.
 *
 * The text names what was wrong and with which value; it never holds stacks, paths or causes.
 *
 * @module
 */

import { type ErrorCode, GitStratumError } from "@gitstratum/core";
import { ERROR_STATUSES } from "@gitstratum/core/rpc";

/** HTTP status of an error code in public answers. */
export function publicStatus(code: ErrorCode): number {
  switch (code) {
    case "exhausted":
      return 413;
    // A body that ends too early is a bad request; 408 would invite a client to send it again.
    case "aborted":
      return 400;
    case "unsupported":
      return 415;
    default:
      return ERROR_STATUSES[code];
  }
}

/** Any error as one that may be shown; an unexpected one becomes a static text. */
export function publicError(error: unknown): GitStratumError {
  if (error instanceof GitStratumError) return error;
  return new GitStratumError("unavailable", "Fail for an internal reason", { cause: error });
}

/** The answer of the API: `{"error": {"code", "message", "data"}}`. */
export function jsonErrorAnswer(error: unknown): Response {
  const { code, message, data } = publicError(error);
  return Response.json({ error: { code, message, data } }, {
    status: publicStatus(code),
    headers: { "cache-control": "no-store", ...challengeOf(code) },
  });
}

/** The answer to git: a text that the client prints behind `remote:`. */
export function textErrorAnswer(error: unknown): Response {
  const shown = publicError(error);
  const answer = textAnswer(shown.describe(), publicStatus(shown.code));
  for (const [name, value] of Object.entries(challengeOf(shown.code))) {
    answer.headers.set(name, value);
  }
  return answer;
}

/** What a client without a good credential is told to show (RFC 9110, 11.6.1). */
function challengeOf(code: ErrorCode): Readonly<Record<string, string>> {
  return code === "unauthenticated" ? { "www-authenticate": 'Basic realm="GitStratum"' } : {};
}

/** A plain text answer. */
export function textAnswer(text: string, status: number): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}
