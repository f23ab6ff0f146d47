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
    headers: { "cache-control": "no-store" },
  });
}

/** The answer to git: a text that the client prints behind `remote:`. */
export function textErrorAnswer(error: unknown): Response {
  const shown = publicError(error);
  return textAnswer(shown.describe(), publicStatus(shown.code));
}

/** A plain text answer. */
export function textAnswer(text: string, status: number): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}
