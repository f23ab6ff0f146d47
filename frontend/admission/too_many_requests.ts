/**
 * What a client is told that has to come again later.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";

/** Why there are too many. */
export interface TooManyRequests {
  /** What the requests were counted by. */
  readonly kind: "address" | "user" | "token" | "repository" | "server";
  /** When it may be worth to come again. */
  readonly retryAfterMs: number;
}

const WHOSE: Readonly<Record<TooManyRequests["kind"], string>> = {
  address: "from your address",
  user: "by your user",
  token: "with your token",
  repository: "to this repository",
  server: "to this server",
};

/** The error for a client that made too many requests: `exhausted`, with `retryAfterS` in its data. */
export function tooManyRequests({ kind, retryAfterMs }: TooManyRequests): GitStratumError {
  const retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const unit = retryAfterS === 1 ? "second" : "seconds";
  return new GitStratumError("exhausted", "Refuse too many requests", {
    data: {
      clientText: `too many requests ${WHOSE[kind]}; try again in ${retryAfterS} ${unit}`,
      kind,
      retryAfterS,
    },
  });
}

/** Seconds after which a refused request may succeed; undefined for errors that time does not heal. */
export function retryAfterS(error: GitStratumError): number | undefined {
  const { retryAfterS } = error.data;
  return error.code === "exhausted" && typeof retryAfterS === "number" ? retryAfterS : undefined;
}
