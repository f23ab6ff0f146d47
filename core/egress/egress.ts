/**
 * Requests to addresses that users of the server chose: webhooks, policies.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { EGRESS_URL_LENGTH_MAX } from "../limits.ts";

/** A request to somebody else's server. */
export interface EgressRequest {
  /** As {@link parseEgressUrl} takes it. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is posted. */
  readonly body: Uint8Array;
  /** Bytes of the answer that are read; the rest is left. */
  readonly answerBytesMax: number;
  /** Ends the request, wherever it is. */
  readonly signal: AbortSignal;
}

/** What came back. A redirection is an answer like any other: nobody follows it. */
export interface EgressAnswer {
  /** 100 to 599. */
  readonly status: number;
  /** The beginning of the body. */
  readonly body: Uint8Array;
}

/** The way out. */
export interface Egress {
  /**
   * Posts a request.
   *
   * @throws `denied` when the address is not one that requests may go to; `unavailable` when there is no
   * answer; `aborted` when the signal aborted; `invalid` for a URL that is none
   */
  post(request: EgressRequest): Promise<EgressAnswer>;
}

/**
 * Checks a URL that requests are to be sent to, as far as its text tells.
 *
 * @throws `invalid` with the reason
 */
export function parseEgressUrl(text: string): URL {
  const url = text.length <= EGRESS_URL_LENGTH_MAX && URL.canParse(text)
    ? new URL(text)
    : undefined;
  if (url === undefined) throw rejected("it is no URL, or too long");
  if (!/^https?:$/.test(url.protocol)) throw rejected("it is neither http nor https");
  if (url.username + url.password !== "") throw rejected("it has a user or a password");
  if (url.hash !== "") throw rejected("it has a fragment");
  return url;
}

function rejected(reason: string): GitStratumError {
  return new GitStratumError("invalid", "Reject a URL for requests", { data: { reason } });
}

/** An egress for servers that are to send nothing. */
export const NO_EGRESS: Egress = {
  post: () =>
    Promise.reject(new GitStratumError("denied", "Send requests from a server that sends none")),
};
