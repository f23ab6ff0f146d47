/**
 * What every request of a git client says: which repository, who asks, and that they are still there.
 *
 * @module
 */

import type { Context } from "@hono/hono";
import { GitStratumError } from "@gitstratum/core";
import type { ConnectionInfo } from "@gitstratum/core/process";
import { parseRepositoryName, type RepositoryName } from "@gitstratum/core/rpc";
import type { Asker } from "../access/asker.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { SessionCaller } from "../session/session.ts";
import { textAnswer } from "./error_answer.ts";

/** The repository in the path, with or without `.git`. @throws `invalid` */
export function repositoryNameOf(context: Context): RepositoryName {
  const name = (context.req.param("name") ?? "").replace(/\.git$/, "");
  return parseRepositoryName(`${context.req.param("owner")}/${name}`);
}

/** Ends with the connection's signal, and can be ended by the response's consumer. */
export function abortOf(context: Context): AbortController {
  const abort = new AbortController();
  const signal = (context.env as ConnectionInfo | undefined)?.signal;
  if (signal?.aborted) abort.abort(signal.reason);
  else signal?.addEventListener("abort", () => abort.abort(signal.reason), { once: true });
  return abort;
}

/** Whether the pieces of an answer are used up when they were sent. */
export function takesPieces(context: Context): boolean {
  return (context.env as ConnectionInfo | undefined)?.takesPieces === true;
}

/** Who asks, for as long as their credential is worth something. @throws `unauthenticated`, `exhausted` */
export async function callerOf(
  context: Context,
  abort: AbortController,
  authenticator: Authenticator,
): Promise<SessionCaller> {
  const info = context.env as ConnectionInfo | undefined;
  const asker = await authenticator.ofRequest(context.req.raw, info ?? {});
  const permission = asker.hasCredential && info?.completed !== undefined
    ? endWhenLost(asker, abort, info.completed)
    : undefined;
  return {
    transport: "http",
    asker,
    signal: abort.signal,
    ...(permission === undefined ? {} : { onReading: permission }),
    ...(info?.remoteAddress === undefined ? {} : { remoteAddress: info.remoteAddress }),
  };
}

/**
 * Cuts a request off whose credential is taken away before its answer is complete, or the role by which
 * it reads: that is said later, to what this returns.
 */
function endWhenLost(
  asker: Asker,
  abort: AbortController,
  completed: Promise<void>,
): (mayGoOn: () => boolean) => void {
  let mayRead = () => true;
  const over = new AbortController();
  // The usual reason is an error that keeps its stack: too dear for each request.
  const end = () => over.abort("The request is over");
  completed.then(end, end);
  const lose = () => abort.abort(new GitStratumError("aborted", "Lose the permission to go on"));
  asker.lost(over.signal, () => mayRead()).then(lose, (error) => {
    if (!over.signal.aborted) abort.abort(error);
  });
  return (mayGoOn) => {
    mayRead = mayGoOn;
    // Records may have changed since it was looked up.
    if (!mayGoOn()) lose();
  };
}

/** The answer to a method that a path does not have. */
export function methodRefused(allow: string): Response {
  const response = textAnswer("Method not allowed", 405);
  response.headers.set("allow", allow);
  return response;
}

/**
 * The answer to whoever asks for a repository by a former name. The address is relative, so that it
 * holds behind a proxy that serves below a path, and it is not kept, for another repository may take the
 * name.
 */
export function movedAnswer(context: Context, present: RepositoryName): Response {
  const { pathname, search } = new URL(context.req.url);
  const [, , name = "", ...rest] = pathname.split("/");
  const suffix = name.endsWith(".git") ? ".git" : "";
  const up = "../".repeat(rest.length + 1);
  const location = `${up}${present}${suffix}/${rest.join("/")}${search}`;
  const response = textAnswer(`The repository is now called ${present}`, 301);
  response.headers.set("location", location);
  return response;
}
