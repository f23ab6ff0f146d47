import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import {
  DELETED_REPOSITORY_GRACE_MS,
  hasCode,
  MOVED_NAME_GRACE_MS,
  systemRandom,
} from "@gitstratum/core";
import {
  newRepositoryId,
  type RepositoryInfo,
  type RepositoryListQuery,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { CRASHES, CrashingNode } from "../testing/crashing_node.ts";
import { command, TestNode } from "../testing/test_node.ts";

/** Longer than any claim may stay unsettled. */
const LATER_MS = 10 * 60_000;
const MAIN = "refs/heads/main";
const OLD = "owner/name" as RepositoryName;
const NEW = "other/name" as RepositoryName;
const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);

async function pushed(node: TestNode, key: RepositoryInfo, text = "1"): Promise<void> {
  const oid = node.objects.commitOf(text);
  const group = await node.store(key, [oid]);
  await node.push(key, [command(MAIN, undefined, oid)], { group });
}

function rename(node: TestNode, key: RepositoryInfo, to = NEW): Promise<RepositoryInfo> {
  return node.metadata.renameRepository(key, { from: key.name, name: to });
}

const nameAt = async (node: TestNode, name: RepositoryName) =>
  (await node.metadata.findRepository(name))?.name;

/** Every living repository is found by its name, and none is listed twice. */
async function checkNames(node: TestNode): Promise<RepositoryInfo[]> {
  const listed = await node.metadata.listRepositories({ limit: 100 });
  equal(new Set(listed.map(({ repositoryId }) => repositoryId)).size, listed.length);
  for (const one of listed) deepEqual(await node.metadata.findRepository(one.name), one);
  return listed;
}

Deno.test("renameRepository() keeps what the repository has, and the old name leads to it", async () => {
  await using node = await TestNode.start();
  const before = await node.create();
  await pushed(node, before);
  const renamed = await rename(node, before);
  deepEqual(renamed, { ...before, name: NEW });
  for (const options of [{}, { lose: true }]) {
    await node.restart(options);
    deepEqual(await node.metadata.findRepository(NEW), renamed);
    deepEqual(await node.metadata.findRepository(OLD), renamed);
    deepEqual(await node.metadata.listRepositories({ limit: 10 }), [renamed]);
    equal((await node.references(renamed)).length, 1);
  }
  deepEqual(await rename(node, before), renamed, "a repeated call finds what it did");
  await rejects(
    node.metadata.renameRepository(before, { from: OLD, name: "x/y" as RepositoryName }),
    is("conflict"),
  );
});

Deno.test("renameRepository() can take a former name back, and another repository can have it", async () => {
  await using node = await TestNode.start();
  const one = await node.create();
  const moved = await rename(node, one);
  deepEqual(await rename(node, moved, OLD), one);
  equal(await nameAt(node, NEW), OLD);
  const two = await node.create(NEW);
  deepEqual(await node.metadata.findRepository(NEW), two);
  await rejects(rename(node, one), is("already-exists"));
  await rejects(rename(node, two, OLD), is("already-exists"));
  const three = await rename(node, one, "x/y" as RepositoryName);
  deepEqual(await rename(node, two, OLD), { ...two, name: OLD });
  deepEqual(await checkNames(node), [{ ...two, name: OLD }, three]);
  await rename(node, three, NEW);
  equal((await checkNames(node)).length, 2);
});

Deno.test("a former name is free after its time, or when its repository is deleted", async () => {
  await using node = await TestNode.start();
  const one = await node.create();
  const moved = await rename(node, one);
  await node.node.upkeep();
  node.clock.jumpWall(MOVED_NAME_GRACE_MS - 1);
  await node.node.upkeep();
  equal(await nameAt(node, OLD), NEW);
  node.clock.jumpWall(1);
  await node.node.upkeep();
  equal(await nameAt(node, OLD), undefined);
  equal(await nameAt(node, NEW), NEW);
  const again = await rename(node, moved, OLD);
  await node.metadata.deleteRepository(again);
  equal(await nameAt(node, NEW), undefined);
  await node.create(NEW);
});

Deno.test("renameRepository() leaves one name or the other, wherever it crashes", async () => {
  for (const fault of CRASHES) {
    for (const step of [1, 2, 3, 4, 5]) {
      await using crash = await CrashingNode.start();
      const { node } = crash;
      const label = `${fault} ${step}`;
      const before = await node.create();
      equal(await crash.crashAt({ step, fault }, () => rename(node, before)), false, label);
      const happened = step > 2 || (step === 2 && fault === "crash-after");
      const present = { ...before, name: happened ? NEW : OLD };
      const check = async () => {
        deepEqual(await checkNames(node), [present], label);
        equal(await nameAt(node, NEW), happened ? NEW : undefined, label);
        equal(await nameAt(node, OLD), present.name, label);
      };
      await check();
      if (step % 2 === 0) {
        // Nobody has to wait for a repair: the caller may try again.
        deepEqual(await rename(node, before), { ...before, name: NEW }, label);
        equal(await nameAt(node, OLD), NEW, label);
        await node.create(OLD);
      } else {
        node.clock.jumpWall(LATER_MS);
        await node.node.upkeep();
        await check();
        await node.create(happened ? OLD : NEW);
      }
      equal((await checkNames(node)).length, 2, label);
      node.clock.jumpWall(LATER_MS);
      await node.node.upkeep();
      equal((await checkNames(node)).length, 2, label);
    }
  }
});

Deno.test("renameRepository() and back survive a crash of the way back", async () => {
  for (const fault of CRASHES) {
    for (const step of [1, 2, 3, 4]) {
      await using crash = await CrashingNode.start();
      const { node } = crash;
      const moved = await rename(node, await node.create());
      await crash.crashAt({ step, fault }, () => rename(node, moved, OLD));
      const happened = step > 2 || (step === 2 && fault === "crash-after");
      equal(await nameAt(node, OLD), happened ? OLD : NEW, `${fault} ${step}`);
      node.clock.jumpWall(LATER_MS);
      await node.node.upkeep();
      equal(await nameAt(node, OLD), happened ? OLD : NEW, `${fault} ${step}`);
      const [present] = await checkNames(node);
      // The name that it has is its own; the other is for whoever wants it.
      await rejects(node.create(present!.name), is("already-exists"));
      await node.create(happened ? NEW : OLD);
    }
  }
});

Deno.test("deleteRepository() keeps references and packs until the time is over", async () => {
  await using node = await TestNode.start({ freedGraceMs: 0 });
  const one = await node.create();
  await pushed(node, one);
  const [reference] = await node.references(one);
  await node.metadata.deleteRepository(one);
  equal(await nameAt(node, OLD), undefined);
  await rejects(node.references(one), is("not-found"));
  await rejects(node.push(one, [command(MAIN, reference!.oid, undefined)]), is("not-found"));
  await rejects(node.metadata.deleteRepository(one), is("not-found"));
  const [deleted, ...others] = await node.metadata.listDeletedRepositories({ limit: 10 });
  deepEqual(others, []);
  const { deletedAtMs, purgeAtMs, ...info } = deleted!;
  deepEqual(info, one);
  equal(purgeAtMs - deletedAtMs, DELETED_REPOSITORY_GRACE_MS);

  node.clock.jumpWall(DELETED_REPOSITORY_GRACE_MS - 1);
  await node.node.upkeep();
  await node.restart({ lose: true, freedGraceMs: 0 });
  deepEqual(await node.metadata.restoreRepository(one, {}), one);
  deepEqual(await node.references(one), [reference]);
  deepEqual(await node.metadata.restoreRepository(one, {}), one, "repeated");
  deepEqual(await node.metadata.listDeletedRepositories({ limit: 10 }), []);
  await node.metadata.deleteRepository(one);
  node.clock.jumpWall(DELETED_REPOSITORY_GRACE_MS);
  await node.node.upkeep();
  await node.node.upkeep();
  equal(node.extents.count, 0);
  await rejects(node.metadata.restoreRepository(one, {}), is("not-found"));
  await rejects(node.metadata.repositoryUsage(one), is("not-found"));
});

Deno.test("listDeletedRepositories() leads through many of one name, and to each by its id", async () => {
  await using node = await TestNode.start();
  const ids: string[] = [];
  for (const name of [OLD, OLD, OLD, OLD, NEW, NEW]) {
    const info = await node.create(name);
    ids.push(`${name} ${info.repositoryId}`);
    await node.metadata.deleteRepository(info);
  }
  ids.sort();
  for (const limit of [1, 2, 3, 10]) {
    const found: string[] = [];
    let place: Partial<RepositoryListQuery> = {};
    for (;;) {
      const page = await node.metadata.listDeletedRepositories({ ...place, limit });
      found.push(...page.map(({ name, repositoryId }) => `${name} ${repositoryId}`));
      const last = page.at(-1);
      if (page.length < limit || last === undefined) break;
      place = { after: last.name, afterId: last.repositoryId };
    }
    deepEqual(found, ids, `pages of ${limit}`);
  }
  const [after, id] = ids[2]!.split(" ") as [RepositoryName, string];
  const [one] = await node.metadata.listDeletedRepositories({
    ...{ after, afterId: id.slice(0, -1), limit: 1 },
  });
  equal(one?.repositoryId, id);
  deepEqual(
    await node.metadata.listDeletedRepositories({ after: [NEW, OLD].sort()[1]!, limit: 9 }),
    [],
  );
  await rejects(
    node.metadata.listDeletedRepositories({ after: OLD, afterId: "'", limit: 1 }),
    is("invalid"),
  );
});

Deno.test("restoreRepository() takes another name where the old one is taken", async () => {
  await using node = await TestNode.start();
  const one = await node.create();
  await node.metadata.deleteRepository(one);
  const two = await node.create();
  await rejects(node.metadata.restoreRepository(one, {}), is("already-exists"));
  const restored = await node.metadata.restoreRepository(one, { name: NEW });
  deepEqual(restored, { ...one, name: NEW });
  await rejects(node.metadata.restoreRepository(one, { name: OLD }), is("conflict"));
  deepEqual(await checkNames(node), [restored, two]);
  await rejects(node.metadata.purgeRepository(one), is("not-found"));
  await node.metadata.deleteRepository(restored);
  await node.metadata.purgeRepository(one);
  await rejects(node.metadata.purgeRepository(one), is("not-found"));
  await rejects(node.metadata.restoreRepository(one, {}), is("not-found"));
  await node.create(NEW);
});

Deno.test("deleteRepository() and restoreRepository() are done or not, wherever they crash", async () => {
  for (const fault of CRASHES) {
    for (const step of [1, 2, 3]) {
      await using crash = await CrashingNode.start();
      const { node } = crash;
      const label = `${fault} ${step}`;
      const one = await node.create();
      await crash.crashAt({ step, fault }, () => node.metadata.deleteRepository(one));
      const deleted = step > 1 || fault === "crash-after";
      deepEqual(await checkNames(node), deleted ? [] : [one], label);
      if (!deleted) await node.metadata.deleteRepository(one);
      // Before the janitor had a chance to free the name.
      await crash.crashAt({ step, fault }, () => node.metadata.restoreRepository(one, {}));
      const restored = step > 2 || (step === 2 && fault === "crash-after");
      deepEqual(await checkNames(node), restored ? [one] : [], label);
      node.clock.jumpWall(LATER_MS);
      await node.node.upkeep();
      deepEqual(await checkNames(node), restored ? [one] : [], label);
      if (restored) await rejects(node.create(), is("already-exists"));
      else await node.create();
      equal((await checkNames(node)).length, 1, label);
    }
  }
});

Deno.test("forkRepository() begins with the parent's visible references and no bytes", async () => {
  await using node = await TestNode.start();
  const parent = await node.create();
  await pushed(node, parent);
  const [main] = await node.references(parent);
  const hidden = [command("refs/secret/x", undefined, main!.oid)];
  await node.push(parent, hidden);
  const settings = {
    hiddenReferences: ["refs/secret"],
    visibility: "internal",
    description: "text",
    denyDeletes: true,
  } as const;
  await node.metadata.updateRepository(parent, { settings, head: "refs/heads/trunk" });
  const count = node.extents.count;

  const repositoryId = newRepositoryId(systemRandom);
  const request = { name: NEW, repositoryId, settings: { description: "mine" } };
  const fork = await node.metadata.forkRepository(parent, request);
  equal(node.extents.count, count);
  equal(fork.networkId, parent.networkId);
  equal(fork.parentId, parent.repositoryId);
  equal(fork.head, "refs/heads/trunk");
  const { visibility, description, denyDeletes, hiddenReferences } = fork.settings;
  deepEqual([visibility, description, denyDeletes, hiddenReferences], [
    "internal",
    "mine",
    false,
    [],
  ]);
  deepEqual(await node.metadata.forkRepository(parent, request), fork, "repeated");
  for (const options of [{}, { lose: true }]) {
    await node.restart(options);
    deepEqual(await node.references(fork), [main]);
    deepEqual(await node.metadata.findRepository(NEW), fork);
  }
  await rejects(node.metadata.forkRepository(parent, { name: OLD }), is("already-exists"));
  const { networkBytes, ...parentUsage } = await node.metadata.repositoryUsage(parent);
  ok(networkBytes > 0);
  const counts = { networkRepositoryCount: 2 };
  deepEqual(parentUsage, { broughtBytes: networkBytes, referenceCount: 2, ...counts });
  deepEqual(await node.metadata.repositoryUsage(fork), {
    networkBytes,
    broughtBytes: 0,
    referenceCount: 1,
    ...counts,
  });
});

Deno.test("forkRepository() outlives its parent, whose packs stay while a fork needs them", async () => {
  await using node = await TestNode.start({ freedGraceMs: 0 });
  const parent = await node.create();
  await pushed(node, parent);
  const fork = await node.metadata.forkRepository(parent, { name: NEW });
  await node.metadata.deleteRepository(parent);
  await rejects(
    node.metadata.forkRepository(parent, { name: "x/y" as RepositoryName }),
    is("not-found"),
  );
  await node.create("x/y");
  await node.metadata.purgeRepository(parent);
  await node.node.upkeep();
  equal(node.extents.count, 3);
  const [main] = await node.references(fork);
  const [located] = await node.metadata.locate(fork, { oids: [main!.oid], scope: "visible" });
  equal(located?.oid, main!.oid);
  const { broughtBytes, networkRepositoryCount } = await node.metadata.repositoryUsage(fork);
  deepEqual([broughtBytes, networkRepositoryCount], [0, 1]);
  await node.metadata.deleteRepository(fork);
  await node.metadata.purgeRepository(fork);
  await node.node.upkeep();
  equal(node.extents.count, 0);
});

Deno.test("forkRepository() leaves a fork or a free name, wherever it crashes", async () => {
  for (const fault of CRASHES) {
    for (const step of [1, 2, 3]) {
      await using crash = await CrashingNode.start();
      const { node } = crash;
      const parent = await node.create();
      await pushed(node, parent);
      const fork = () => node.metadata.forkRepository(parent, { name: NEW });
      await crash.crashAt({ step, fault }, fork);
      const exists = step === 3 || (step === 2 && fault === "crash-after");
      equal((await checkNames(node)).length, exists ? 2 : 1, `${fault} ${step}`);
      node.clock.jumpWall(LATER_MS);
      await node.node.upkeep();
      if (!exists) await fork();
      equal((await checkNames(node)).length, 2, `${fault} ${step}`);
      equal((await node.references((await node.metadata.findRepository(NEW))!)).length, 1);
    }
  }
});

Deno.test("forkRepository() leaves a name free that it could not use", async () => {
  await using node = await TestNode.start();
  const parent = await node.create();
  await Promise.allSettled([
    node.metadata.deleteRepository(parent),
    node.metadata.forkRepository(parent, { name: NEW }),
  ]);
  const fork = await node.metadata.findRepository(NEW);
  if (fork === undefined) await node.create(NEW);
  equal((await checkNames(node)).length, 1);
});

Deno.test("renameRepository() lets one of several racing new names win", async () => {
  await using node = await TestNode.start();
  const one = await node.create();
  const names = ["x/1", "x/2", "x/3", "x/4"] as RepositoryName[];
  const outcomes = await Promise.allSettled(names.map((name) => rename(node, one, name)));
  const [winner, ...others] = outcomes.filter(({ status }) => status === "fulfilled");
  deepEqual(others, []);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") ok(hasCode(outcome.reason, "conflict"), outcome.reason);
  }
  deepEqual(winner?.status === "fulfilled" && [winner.value], await checkNames(node));
  // The names of the others were let go.
  for (const name of names) {
    if (await nameAt(node, name) === undefined) await node.create(name);
  }
  equal((await checkNames(node)).length, 4);
});
