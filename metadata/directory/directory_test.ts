import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { hasCode, systemRandom } from "@gitstratum/core";
import { newRepositoryId, parseRepositoryName, type RepositoryInfo } from "@gitstratum/core/rpc";
import { CRASHES, CrashingNode } from "../testing/crashing_node.ts";
import type { TestNode } from "../testing/test_node.ts";

/** Longer than any claim may stay unsettled. */
const LATER_MS = 10 * 60_000;
/** A name is either free or leads to one living repository that a listing shows too. */
async function checkConsistent(node: TestNode, name: RepositoryInfo["name"]): Promise<boolean> {
  const found = await node.metadata.findRepository(name);
  const listed = await node.metadata.listRepositories({ limit: 10 });
  deepEqual(listed.filter((one) => one.name === name), found === undefined ? [] : [found]);
  if (found !== undefined) deepEqual(await node.references(found), []);
  return found !== undefined;
}

Deno.test("create() leaves a repository or a free name, wherever it crashes", async () => {
  for (const fault of CRASHES) {
    for (const step of [1, 2, 3]) {
      await using crash = await CrashingNode.start();
      const { node } = crash;
      const done = await crash.crashAt({ step, fault }, () => node.create());
      equal(done, false, `${fault} ${step}`);
      const name = "owner/name" as RepositoryInfo["name"];
      const exists = await checkConsistent(node, name);
      equal(exists, step === 3 || (step === 2 && fault === "crash-after"), `${fault} ${step}`);

      node.clock.jumpWall(LATER_MS);
      await node.node.upkeep();
      equal(await checkConsistent(node, name), exists);
      if (exists) await rejects(node.create(), (error) => hasCode(error, "already-exists"));
      else await node.create();
      ok(await checkConsistent(node, name));
    }
  }
});

Deno.test("create() takes over a stale claim without waiting for a repair", async () => {
  await using crash = await CrashingNode.start();
  const { node } = crash;
  await crash.crashAt({ step: 2, fault: "crash-before" }, () => node.create());
  await rejects(node.create(), (error) => hasCode(error, "already-exists"));
  node.clock.jumpWall(LATER_MS);
  await node.create();
});

Deno.test("delete() leaves the repository or a free name, wherever it crashes", async () => {
  for (const fault of CRASHES) {
    for (const step of [1, 2, 3]) {
      await using crash = await CrashingNode.start();
      const { node } = crash;
      const info = await node.create();
      const work = () => node.metadata.deleteRepository(info);
      equal(await crash.crashAt({ step, fault }, work), false);
      const exists = await checkConsistent(node, info.name);
      equal(exists, step === 1 && fault === "crash-before", `${fault} ${step}`);
      if (!exists && step % 2 === 0) {
        // A new repository may have the name before the old deletion has been repaired.
        const next = await node.create();
        await node.node.upkeep();
        deepEqual(await node.metadata.findRepository(info.name), next);
        continue;
      }
      await node.node.upkeep();
      equal(await checkConsistent(node, info.name), exists);
      if (!exists) await node.create();
    }
  }
});

Deno.test("find() believes what a name led to only while it does", async () => {
  await using crash = await CrashingNode.start();
  const { metadata } = crash.node;
  const [here, there, nowhere] = ["owner/name", "owner/other", "owner/none"].map(
    parseRepositoryName,
  );
  const first = await crash.node.create(here);
  deepEqual(await metadata.findRepository(here!, first), first);
  equal(await metadata.findRepository(nowhere!, first), undefined, "a hint is no answer");
  const renamed = await metadata.renameRepository(first, { name: there!, from: here! });
  deepEqual(await metadata.findRepository(here!, first), renamed, "the old name leads to it");
  deepEqual(await metadata.findRepository(there!, first), renamed);
  const second = await crash.node.create(here);
  deepEqual(await metadata.findRepository(here!, first), second, "another one took the name");
  await metadata.deleteRepository(second);
  equal(await metadata.findRepository(here!, second), undefined);
  const third = await crash.node.create(here);
  deepEqual(await metadata.findRepository(here!, second), third);
});

Deno.test("create() repeated finds what it made, even if another one has the name by now", async () => {
  await using crash = await CrashingNode.start();
  const { node } = crash;
  const repositoryId = newRepositoryId(systemRandom);
  const name = parseRepositoryName("owner/name");
  const create = () =>
    node.metadata.createRepository({
      name,
      objectFormat: "sha1",
      defaultBranch: "main",
      repositoryId,
    });
  const first = await create();
  await node.metadata.deleteRepository(first);
  const second = await node.create(name);
  deepEqual(await create(), first);
  deepEqual(await node.metadata.findRepository(name), second);
  deepEqual(await node.metadata.listRepositories({ limit: 10 }), [second]);
});

Deno.test("repair() finds nothing to do after undisturbed sagas", async () => {
  await using crash = await CrashingNode.start();
  const { node, log } = crash;
  const info = await node.create();
  await node.metadata.deleteRepository(info);
  await node.create();
  const before = log.appendCount;
  node.clock.jumpWall(LATER_MS);
  await node.node.upkeep();
  equal(log.appendCount, before);
});
