/**
 * Changes of a repository's settings, by the API of GitStratum or by git's own configuration where
 * the cases run against git.
 *
 * @module
 */

import assert from "node:assert/strict";
import { git } from "../harness/git.ts";
import type { GitServer } from "../harness/git_server.ts";
import { GitHttpBackendServer } from "../harness/git_http_backend.ts";

/** A change as the API takes it (docs/repository-settings.md). */
export interface RepositoryChange {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly defaultBranch?: string;
}

/** Names in git's configuration of the settings that it has too. */
const GIT_NAMES: Readonly<Record<string, string>> = {
  denyNonFastForwards: "receive.denyNonFastForwards",
  denyDeletes: "receive.denyDeletes",
  denyDeleteCurrent: "receive.denyDeleteCurrent",
  hiddenReferences: "transfer.hideRefs",
  pushBytesMax: "receive.maxInputSize",
};

/** Applies a change; fails when the server does not take it. */
export async function changeRepository(
  server: GitServer,
  name: string,
  change: RepositoryChange,
): Promise<void> {
  if (server instanceof GitHttpBackendServer) return await configure(server.path(name), change);
  const response = await patchRepository(server, name, change);
  assert.equal(response.status, 200, await response.text());
}

/** Asks GitStratum's API for a change. */
export async function patchRepository(
  server: Pick<GitServer, "origin">,
  name: string,
  change: unknown,
): Promise<Response> {
  return await fetch(`${server.origin}/api/v1/repos/${name}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(change),
  });
}

async function configure(path: string, change: RepositoryChange): Promise<void> {
  if (change.defaultBranch !== undefined) {
    await git(["-C", path, "symbolic-ref", "HEAD", `refs/heads/${change.defaultBranch}`]);
  }
  for (const [name, value] of Object.entries(change.settings ?? {})) {
    for (const [key, values] of gitValues(name, value)) {
      await git(["-C", path, "config", "--unset-all", key], { anyExit: true });
      for (const each of values) await git(["-C", path, "config", "--add", key, each]);
    }
  }
}

function gitValues(name: string, value: unknown): (readonly [string, readonly string[]])[] {
  if (name === "fsck") {
    const checks = Object.entries(value as Record<string, string>);
    return checks.map(([id, severity]) => [`receive.fsck.${id}`, [severity]]);
  }
  const key = GIT_NAMES[name];
  assert.ok(key !== undefined, `git has no setting like ${name}: the case is for GitStratum only`);
  if (value === null) return [[key, []]];
  return [[key, Array.isArray(value) ? value : [String(value)]]];
}
