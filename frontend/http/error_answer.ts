/**
 * Errors as clients of the public HTTP side see them: JSON for the API, plain text for git.
 *
 * The text names what was wrong and with which value; it never holds stacks, paths or causes.
 *
 * @module
 */

import { type ErrorCode, GitStratumError } from "@gitstratum/core";
import { clientText } from "@gitstratum/core/protocol";
import { ERROR_STATUSES } from "@gitstratum/core/rpc";
import { retryAfterS } from "../admission/too_many_requests.ts";

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

/** HTTP status of an error in public answers. */
function statusOf(error: GitStratumError): number {
  return retryAfterS(error) === undefined ? publicStatus(error.code) : 429;
}

/** Any error as one that may be shown; an unexpected one becomes a static text. */
export function publicError(error: unknown): GitStratumError {
  if (error instanceof GitStratumError) return error;
  return new GitStratumError("unavailable", "Fail for an internal reason", { cause: error });
}

/** The answer of the API: `{"error": {"code", "message", "data"}}`. */
export function jsonErrorAnswer(error: unknown): Response {
  const shown = publicError(error);
  const { code, message, data } = shown;
  return Response.json({ error: { code, message, data } }, {
    status: statusOf(shown),
    headers: { "cache-control": "no-store", ...headersOf(shown) },
  });
}

/** The answer to git: a text that the client prints behind `remote:`. */
export function textErrorAnswer(error: unknown): Response {
  const shown = publicError(error);
  const text = retryAfterS(shown) === undefined ? shown.describe() : clientText(shown);
  const answer = textAnswer(text, statusOf(shown));
  for (const [name, value] of Object.entries(headersOf(shown))) {
    answer.headers.set(name, value);
  }
  return answer;
}

/**
 * What a client without a good credential is told to show (RFC 9110, 11.6.1), and when a client that
 * comes too often is to come again (10.2.3).
 */
function headersOf(error: GitStratumError): Readonly<Record<string, string>> {
  const seconds = retryAfterS(error);
  if (seconds !== undefined) return { "retry-after": String(seconds) };
  const { code } = error;
  return code === "unauthenticated" ? { "www-authenticate": 'Basic realm="GitStratum"' } : {};
}

/** A plain text answer. */
export function textAnswer(text: string, status: number): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}
