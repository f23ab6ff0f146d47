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

/** Fails unless `git fsck --full --strict` finds nothing wrong. */
export async function assertSound(repository: string): Promise<void> {
  const { code, stdout, stderr } = await git(
    ["-C", repository, "fsck", "--full", "--strict", "--no-dangling"],
    { anyExit: true },
  );
  assert.equal(code, 0, `git fsck of ${repository} failed\n${stdout}${stderr}`);
}

/** Fails unless both hold the same references and the same reachable objects, and the copy is sound. */
export async function assertSameRepository(copy: string, original: string): Promise<void> {
  assert.equal(await references(copy), await references(original));
  assert.deepEqual(await reachableObjects(copy), await reachableObjects(original));
  await assertSound(copy);
}
