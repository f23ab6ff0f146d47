/**
 * Whether two repositories hold the same thing, as git itself tells it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { git, gitText } from "./git.ts";

/** References with their objects, sorted, without HEAD. */
export async function references(repository: string): Promise<string> {
  return await gitText([
    "-C",
    repository,
    "for-each-ref",
    "--format=%(objectname) %(objecttype) %(refname)",
  ]);
}

/** Ids of all objects that references reach, sorted. */
export async function reachableObjects(repository: string): Promise<string[]> {
  const listing = await gitText(["-C", repository, "rev-list", "--objects", "--all"]);
  return listing.split("\n").map((line) => line.split(" ")[0]!).sort();
}

/** What `git fsck --full --strict` says of a repository. */
async function fsck(repository: string): Promise<{ code: number; findings: string }> {
  const { code, stdout, stderr } = await git(
    ["-C", repository, "fsck", "--full", "--strict", "--no-dangling", "--no-progress"],
    { anyExit: true },
  );
  return { code, findings: `${stdout}${stderr}`.split("\n").sort().join("\n").trim() };
}

/** Fails unless `git fsck --full --strict` finds nothing wrong. */
export async function assertSound(repository: string): Promise<void> {
  const { code, findings } = await fsck(repository);
  assert.equal(code, 0, `git fsck of ${repository} failed\n${findings}`);
}

/**
 * Fails unless both hold the same references and the same reachable objects, and git finds the copy
 * exactly as clean as the original.
 */
export async function assertSameRepository(copy: string, original: string): Promise<void> {
  assert.equal(await references(copy), await references(original));
  assert.deepEqual(await reachableObjects(copy), await reachableObjects(original));
  // The exit code tells loose from packed objects, so only the findings are comparable.
  assert.equal((await fsck(copy)).findings, (await fsck(original)).findings);
}
