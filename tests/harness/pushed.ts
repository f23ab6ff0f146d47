/**
 * The set-up that most cases share: a generated history, pushed.
 *
 * @module
 */

import { git } from "./git.ts";
import { generateHistory, type HistoryOptions } from "./history.ts";
import type { GitServer } from "./git_server.ts";
import { startServer } from "./server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temp.ts";

/** A server that holds one pushed repository, and the repository it came from. */
export interface PushedHistory extends AsyncDisposable {
  readonly temp: TemporaryDirectory;
  readonly server: GitServer;
  /** Path of the bare source repository. */
  readonly source: string;
  /** Clone URL of the pushed copy. */
  readonly url: string;
}

/** Name under which {@link pushedHistory} stores its repository. */
export const PUSHED_NAME = "acme/widget";

/** Starts a server, generates a history and pushes it as a mirror. */
export async function pushedHistory(options: HistoryOptions): Promise<PushedHistory> {
  const temp = await temporaryDirectory();
  const server = await startServer();
  const source = await generateHistory(temp.join("source.git"), options);
  await server.createRepository(PUSHED_NAME, {
    objectFormat: options.objectFormat ?? "sha1",
  });
  const url = server.url(PUSHED_NAME);
  await git(["-C", source, "push", "--quiet", "--mirror", url]);
  return {
    temp,
    server,
    source,
    url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** Makes a work tree clone with an identity-free configuration. */
export async function cloneWorkTree(url: string, path: string): Promise<string> {
  await git(["clone", "-q", url, path]);
  return path;
}

/** Writes a file, commits it, and answers the new commit's id. */
export async function commitFile(
  workTree: string,
  file: { readonly path: string; readonly content: string | Uint8Array; readonly message?: string },
): Promise<string> {
  const full = `${workTree}/${file.path}`;
  await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
  if (typeof file.content === "string") await Deno.writeTextFile(full, file.content);
  else await Deno.writeFile(full, file.content);
  await git(["-C", workTree, "add", "--", file.path]);
  await git(["-C", workTree, "commit", "-q", "-m", file.message ?? `write ${file.path}`]);
  return (await git(["-C", workTree, "rev-parse", "HEAD"])).stdout.trim();
}
