/**
 * The server that ordinary cases run against: GitStratum as a child process, or git's own
 * `http-backend` as the oracle that shows a test to be right.
 *
 * @module
 */

import type { GitServer } from "./git_server.ts";
import { GitHttpBackendServer } from "./git_http_backend.ts";
import { type GitStratumOptions, GitStratumServer } from "./gitstratum_server.ts";

/** Whether ordinary cases run against git's own server instead (`GITSTRATUM_TEST_ORACLE=1`). */
export const againstOracle: boolean = Deno.env.get("GITSTRATUM_TEST_ORACLE") === "1";

/** Starts the server that ordinary cases run against. */
export async function startServer(options: GitStratumOptions = {}): Promise<GitServer> {
  return againstOracle ? await GitHttpBackendServer.start() : await GitStratumServer.start(options);
}
