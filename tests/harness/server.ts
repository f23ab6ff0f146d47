/**
 * Git servers under test: GitStratum as a child process, and git's own `http-backend` as the oracle
 * that shows a test to be right.
 *
 * @module
 */

import { GitHttpBackendServer } from "./git_http_backend.ts";
import { type GitStratumOptions, GitStratumServer } from "./gitstratum_server.ts";

/** A running server of repositories. */
export interface GitServer extends AsyncDisposable {
  /** `http://host:port` */
  readonly origin: string;
  /** Clone URL of `owner/name`. */
  url(repository: string): string;
  /** Makes an empty repository. */
  createRepository(
    repository: string,
    options?: { readonly objectFormat?: "sha1" | "sha256"; readonly defaultBranch?: string },
  ): Promise<void>;
}

/** Whether ordinary cases run against git's own server instead (`GITSTRATUM_TEST_ORACLE=1`). */
export const againstOracle: boolean = Deno.env.get("GITSTRATUM_TEST_ORACLE") === "1";

/** Starts the server that ordinary cases run against. */
export async function startServer(options: GitStratumOptions = {}): Promise<GitServer> {
  return againstOracle ? await GitHttpBackendServer.start() : await GitStratumServer.start(options);
}
