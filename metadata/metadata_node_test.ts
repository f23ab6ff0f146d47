import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { DELETED_REPOSITORY_GRACE_MS, hasCode, systemRandom } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { partitionOf } from "@gitstratum/core/ring";
import {
  extentId,
  type FreshIndex,
  type JudgedRepository,
  newPushId,
  packId,
  parseRepositoryName,
  type RepositoryInfo,
  type RepositoryKey,
  type RepositoryName,
  repositoryVersion,
} from "@gitstratum/core/rpc";
import { command, reasons, TestNode } from "./testing/test_node.ts";

const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);
const MAIN = "refs/heads/main";

/** Pushes a commit of one file to a new branch; its id. */
async function pushNew(node: TestNode, key: RepositoryKey, name = MAIN): Promise<Oid> {
  const oid = node.objects.commitOf(`${name} of ${key.repositoryId}`);
  const group = await node.store(key, [oid]);
  deepEqual(reasons(await node.push(key, [command(name, undefined, oid)], { group })), [undefined]);
  return oid;
}

Deno.test("createRepository() makes a repository that can be found until it is deleted", async () => {
  await using node = await TestNode.start();
  const created = await node.create();
  equal(created.head, "refs/heads/main");
  deepEqual(await node.metadata.findRepository(created.name), created);
  await rejects(node.create(), is("already-exists"));
  await node.metadata.deleteRepository(created);
  equal(await node.metadata.findRepository(created.name), undefined);
  await rejects(node.metadata.deleteRepository(created), is("not-found"));
  await rejects(node.references(created), is("not-found"));
  const again = await node.create();
  ok(again.repositoryId !== created.repositoryId);
});

Deno.test("createRepository() refuses bad branch names, and names on the wire", async () => {
  await using node = await TestNode.start();
  const name = parseRepositoryName("owner/name");
  const request = { name, objectFormat: "sha1", defaultBranch: "a..b" } as const;
  await rejects(node.metadata.createRepository(request), is("invalid"));
  const bad = { ...request, name: "../x" as RepositoryName, defaultBranch: "main" };
  await rejects(node.metadata.createRepository(bad), is("invalid"));
});

Deno.test("createRepository() lets one of many win a name", async () => {
  await using node = await TestNode.start();
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => node.create()));
  equal(tries.filter(({ status }) => status === "fulfilled").length, 1);
  ok(tries.every((one) => one.status === "fulfilled" || hasCode(one.reason, "already-exists")));
});

Deno.test("listRepositories() pages in byte order of names", async () => {
  await using node = await TestNode.start();
  const names = ["b/x", "a/z", "a/y", "B/x", "a-b/c", "a/y.z"];
  for (const name of names) await node.create(name);
  const listed: string[] = [];
  let after: RepositoryName | undefined;
  for (;;) {
    const page = await node.metadata.listRepositories({
      limit: 4,
      ...(after === undefined ? {} : { after }),
    });
    listed.push(...page.map(({ name }) => name));
    after = page.at(-1)?.name;
    if (page.length < 4) break;
  }
  deepEqual(listed, names.sort());
});

Deno.test("push() makes references that listReferences() shows with HEAD and peeled tags", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const before = await node.metadata.listReferences(key, { prefixes: [] });
  deepEqual(before.head, { target: MAIN });
  deepEqual(await node.references(key), []);

  const { objects } = node;
  const commit = objects.commitOf("one");
  const tag = objects.tag("v1", commit, "commit");
  const outer = objects.tag("v1-signed", tag, "tag");
  const group = await node.store(key, [commit, tag, outer]);
  const result = await node.push(key, [
    command(MAIN, undefined, commit),
    command("refs/tags/v1", undefined, tag),
    command("refs/tags/outer", undefined, outer),
  ], { group });
  deepEqual(reasons(result), [undefined, undefined, undefined]);

  const { head } = await node.metadata.listReferences(key, { prefixes: ["refs/tags/"] });
  deepEqual(head, { target: MAIN, oid: commit });
  deepEqual(await node.references(key), [
    { name: MAIN, oid: commit },
    { name: "refs/tags/outer", oid: outer, peeled: commit },
    { name: "refs/tags/v1", oid: tag, peeled: commit },
  ]);
  deepEqual((await node.references(key, ["refs/tags/o", "refs/tags/", "refs/heads/x"])).length, 2);
});

Deno.test("push() needs what the group refers to reachable in this repository", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const { objects } = node;
  const parent = objects.commitOf("parent");
  const child = objects.commitOf("child", [parent]);
  const group = await node.store(key, [child], { without: [parent], closed: true });
  const result = await node.push(key, [command(MAIN, undefined, child)], { group });
  deepEqual(reasons(result), ["missing necessary objects"]);
  deepEqual(await node.references(key), []);

  // The refused group must not help the next push.
  const retry = await node.push(key, [command(MAIN, undefined, child)]);
  deepEqual(reasons(retry), ["missing necessary objects"]);
});

Deno.test("push() decides nothing that was judged by what the repository is not any more", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = node.objects.commitOf("one");
  const group = await node.store(key, [oid]);
  const judgedBy = ({ name, ...repository }: RepositoryInfo) => ({
    name,
    version: repositoryVersion(repository),
  });
  const push = (judged: JudgedRepository) =>
    node.push(key, [command(MAIN, undefined, oid)], { group, judged });
  const { metadata } = node;
  const outdated = { results: [], outdated: true };
  const hidden = await metadata.updateRepository(key, {
    settings: { hiddenReferences: ["refs/x"] },
  });
  deepEqual(await push(judgedBy(key)), outdated);
  const name = parseRepositoryName("owner/moved");
  const moved = await metadata.renameRepository(key, { from: key.name, name });
  deepEqual(await push(judgedBy(hidden)), outdated);
  deepEqual(await node.references(key), []);
  await metadata.deleteRepository(key);
  await rejects(push(judgedBy(moved)), is("not-found"));
  await metadata.restoreRepository(key, { name });

  const pushId = newPushId(systemRandom);
  const commands = [command(MAIN, undefined, oid)];
  const done = await node.push(key, commands, { group, judged: judgedBy(moved), pushId });
  deepEqual(reasons(done), [undefined]);
  await metadata.updateRepository(key, { settings: { archived: true } });
  // What was committed stays so, whatever came after it.
  deepEqual(await node.push(key, commands, { group, judged: judgedBy(moved), pushId }), done);
});

Deno.test("push() commits nothing uncompared that the network has already", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = await pushNew(node, key);
  node.objects.commitOf(`${MAIN} of ${key.repositoryId}`);
  const again = await node.store(key, [oid]);
  const commands = [command("refs/heads/two", undefined, oid)];
  const asked = { group: again, uncompared: true } as const;
  const { results, known = [] } = await node.push(key, commands, asked);
  deepEqual(results, []);
  ok(known.includes(oid));
  deepEqual((await node.references(key)).map(({ name }) => name), [MAIN]);
  deepEqual(reasons(await node.push(key, commands, { group: again })), [undefined]);

  const other = await node.create("owner/other");
  const fresh = node.objects.commitOf("fresh");
  const group = await node.store(other, [fresh]);
  const push = [command(MAIN, undefined, fresh)];
  deepEqual(reasons(await node.push(other, push, { group, uncompared: true })), [undefined]);
});

Deno.test("push() accepts objects that the repository reaches, and none of another one", async () => {
  await using node = await TestNode.start();
  const [mine, other] = [await node.create("a/a"), await node.create("b/b")];
  const oid = await pushNew(node, mine);
  deepEqual(reasons(await node.push(mine, [command("refs/heads/copy", undefined, oid)])), [
    undefined,
  ]);
  deepEqual(reasons(await node.push(other, [command("refs/heads/copy", undefined, oid)])), [
    "missing necessary objects",
  ]);
  const child = node.objects.commitOf("child", [oid]);
  const group = await node.store(mine, [child]);
  deepEqual(reasons(await node.push(mine, [command(MAIN, oid, child)], { group })), [undefined]);
});

/** Stores a commit of its own; the push of it, and its index. */
async function storedPush(node: TestNode, key: RepositoryKey, name: string) {
  const oid = node.objects.commitOf(name);
  const group = await node.store(key, [oid]);
  const range = { offset: 0, length: group.indexBytes };
  const bytes = await node.extents.read(extentId(packId(group.groupId, "i"), 0), range);
  const push = (freshIndex: FreshIndex) =>
    node.push(key, [command(`refs/heads/${name}`, undefined, oid)], { group, freshIndex });
  return { oid, bytes, push };
}

Deno.test("push() reads no index that came along, and later questions do not either", async () => {
  await using node = await TestNode.start();
  const repository = await node.create();
  const { oid, bytes, push } = await storedPush(node, repository, "fresh");
  const nobody = () => Promise.reject(new Error("Nobody asks"));
  Object.assign(node.extents, { read: nobody, stat: nobody });
  deepEqual(reasons(await push({ bytes, storedAfterMs: node.clock.nowMs() })), [undefined]);
  const request = { oids: [oid], scope: "repository" } as const;
  equal((await node.metadata.locate(repository, request)).length, 1);
});

Deno.test("push() reads the index that is stored when the one that came along is not to be believed", async () => {
  await using node = await TestNode.start();
  const repository = await node.create();
  const hourMs = 3600 * 1000;
  const nowMs = node.clock.nowMs();
  let askedCount = 0;
  const stat = node.extents.stat.bind(node.extents);
  node.extents.stat = (id) => (askedCount++, stat(id));
  const cases: readonly [string, (bytes: FreshIndex["bytes"]) => FreshIndex][] = [
    ["short", (bytes) => ({ bytes: bytes.slice(1), storedAfterMs: nowMs })],
    ["old", (bytes) => ({ bytes, storedAfterMs: nowMs - hourMs })],
    ["ahead", (bytes) => ({ bytes, storedAfterMs: nowMs + hourMs })],
  ];
  for (const [index, [name, made]] of cases.entries()) {
    const { bytes, push } = await storedPush(node, repository, name);
    deepEqual(reasons(await push(made(bytes))), [undefined], name);
    equal(askedCount, index + 1, name);
  }
  const { bytes, push } = await storedPush(node, repository, "damaged");
  bytes[bytes.length - 1]! ^= 1;
  await rejects(push({ bytes, storedAfterMs: nowMs }), is("unavailable"));
});

Deno.test("push() lets a deleted branch's commits be used again within the grace time", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  await pushNew(node, key);
  const oid = await pushNew(node, key, "refs/heads/topic");
  await node.push(key, [command("refs/heads/topic", oid, undefined)]);
  const create = [command("refs/heads/topic", undefined, oid)];
  deepEqual(reasons(await node.push(key, create)), [undefined]);
  await node.push(key, [command("refs/heads/topic", oid, undefined)]);
  node.clock.jumpWall(25 * 3600 * 1000);
  await node.node.upkeep();
  deepEqual(reasons(await node.push(key, create)), ["missing necessary objects"]);
});

Deno.test("push() answers the first outcome when it is asked again with the same id", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = node.objects.commitOf("one");
  const group = await node.store(key, [oid]);
  const pushId = newPushId(systemRandom);
  const commands = [command(MAIN, undefined, oid), command("refs/x", undefined, oid)];
  const first = await node.push(key, commands, { group, pushId });
  deepEqual(reasons(first), [undefined, "funny refname"]);
  await node.push(key, [command("refs/heads/other", undefined, oid)]);
  deepEqual(await node.push(key, commands, { group, pushId }), first);
  await rejects(node.push(key, [commands[0]!], { pushId }), is("invalid"));
  await node.restart();
  deepEqual(await node.push(key, commands, { group, pushId }), first);
});

Deno.test("push() answers the first outcome though the repository was deleted since", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = node.objects.commitOf("1");
  const group = await node.store(key, [oid]);
  const commands = [command(MAIN, undefined, oid)];
  const pushId = newPushId(systemRandom);
  const first = await node.push(key, commands, { group, pushId });
  await node.metadata.deleteRepository(key);
  deepEqual(await node.push(key, commands, { group, pushId }), first);
  await rejects(node.push(key, commands, { group }), is("not-found"));
});

Deno.test("push() lets exactly one of racing pushes move a reference", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  let tip = await pushNew(node, key);
  for (let round = 0; round < 5; round++) {
    const pushes = await Promise.all(Array.from({ length: 8 }, async (_, index) => {
      const oid = node.objects.commitOf(`${round}/${index}`, [tip]);
      return { oid, group: await node.store(key, [oid]) };
    }));
    const results = await Promise.all(
      pushes.map(({ oid, group }) => node.push(key, [command(MAIN, tip, oid)], { group })),
    );
    const won = pushes.filter((_, index) => reasons(results[index]!)[0] === undefined);
    equal(won.length, 1);
    const lost = results.flatMap(reasons).filter((reason) => reason !== undefined);
    ok(lost.every((reason) => reason.startsWith("failed to update ref")));
    tip = won[0]!.oid;
    deepEqual(await node.references(key), [{ name: MAIN, oid: tip }]);
  }
});

Deno.test("push() refuses ids of another object format and unknown repositories", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const long = "1".repeat(64) as Oid;
  await rejects(node.push(key, [command(MAIN, undefined, long)]), is("invalid"));
  await rejects(node.push(key, []), is("invalid"));
  const unknown = { ...key, repositoryId: "0".repeat(32) as typeof key.repositoryId };
  await rejects(node.push(unknown, [command(MAIN, undefined, undefined)]), is("not-found"));
});

Deno.test("a node rebuilds everything from its log, and goes on after a restart", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const gone = await node.create("owner/gone");
  const oid = await pushNew(node, key);
  await pushNew(node, key, "refs/heads/topic");
  await node.metadata.deleteRepository(gone);
  const before = await node.references(key);
  for (const lose of [false, true, true]) {
    await node.restart({ lose });
    deepEqual(await node.references(key), before);
    deepEqual(await node.metadata.listRepositories({ limit: 10 }), [key]);
    equal(await node.metadata.findRepository(gone.name), undefined);
  }
  const child = node.objects.commitOf("child", [oid]);
  const group = await node.store(key, [child]);
  deepEqual(reasons(await node.push(key, [command(MAIN, oid, child)], { group })), [undefined]);
});

/** Pushes branches, with upkeep after each, and returns how far the log was truncated. */
async function pushUntilTruncated(node: TestNode, key: RepositoryKey): Promise<number> {
  for (let index = 0; index < 8; index++) {
    await pushNew(node, key, `refs/heads/b${index}`);
    await node.node.upkeep();
  }
  return (await node.log.head(partitionOf(key.networkId))).truncated;
}

Deno.test("upkeep() truncates logs behind snapshots, from which lost tables are restored", async () => {
  await using node = await TestNode.start({ keepEntryCount: 2 });
  const key = await node.create();
  ok(await pushUntilTruncated(node, key) > 0);
  const groups = 8 * 3;
  // Two snapshots are kept; earlier ones are gone.
  equal(node.extents.count, groups + 2);
  const before = await node.references(key);
  equal(before.length, 8);
  await node.restart();
  deepEqual(await node.references(key), before);
  await node.restart({ lose: true });
  deepEqual(await node.references(key), before);
  deepEqual(await node.metadata.findRepository(key.name), key);
  await pushNew(node, key, "refs/heads/after");
  equal((await node.references(key)).length, 9);
});

Deno.test("a damaged snapshot is passed over; without any, the partition is refused", async () => {
  await using node = await TestNode.start({ keepEntryCount: 2 });
  const key = await node.create();
  ok(await pushUntilTruncated(node, key) > 0);
  const before = await node.references(key);
  const damaged = new Set<string>();
  const read = node.extents.read;
  node.extents.read = async function (id, range) {
    const bytes = await read.call(this, id, range);
    if (damaged.has(id)) bytes[bytes.length >> 1]! ^= 1;
    return bytes;
  };
  const snapshots = (await node.extents.list({ limit: 100 }))
    .filter(({ id }) => id[32] === "s").map(({ id }) => id);
  equal(snapshots.length, 2);
  for (const id of snapshots) {
    damaged.clear();
    damaged.add(id);
    await node.restart({ lose: true });
    deepEqual(await node.references(key), before);
  }
  for (const id of snapshots) damaged.add(id);
  await node.restart({ lose: true });
  await rejects(node.references(key), is("corrupt"));
  damaged.clear();
  deepEqual(await node.references(key), before, "a later attempt finds them whole");
});

Deno.test("upkeep() removes packs of deleted networks after their grace", async () => {
  await using node = await TestNode.start({ freedGraceMs: 1000 });
  const key = await node.create();
  await pushNew(node, key);
  equal(node.extents.count, 3);
  await node.metadata.deleteRepository(key);
  node.clock.jumpWall(DELETED_REPOSITORY_GRACE_MS - 1);
  await node.node.upkeep();
  node.clock.jumpWall(1000);
  await node.node.upkeep();
  equal(node.extents.count, 3, "purged now, kept for fetches");
  node.clock.jumpWall(1000);
  await node.node.upkeep();
  equal(node.extents.count, 0);
});

Deno.test("upkeep() sweeps extents of pushes that never committed, and no others", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const kept = await pushNew(node, key);
  const lost = node.objects.commitOf("lost", [kept]);
  const group = await node.store(key, [lost]);
  equal(node.extents.count, 6);
  node.clock.jumpWall(12 * 3600 * 1000 + 1);
  await node.node.upkeep();
  equal(node.extents.count, 6);
  // Too late to be committed, although nothing was swept yet.
  await rejects(node.push(key, [command(MAIN, kept, lost)], { group }), is("invalid"));
  node.clock.jumpWall(12 * 3600 * 1000);
  await node.node.upkeep();
  equal(node.extents.count, 3);
  deepEqual(await node.references(key), [{ name: MAIN, oid: kept }]);
});

Deno.test("push() that was refused changes nothing when it arrives again", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const one = "refs/heads/one";
  const oid = await pushNew(node, key, one);
  const create = [command(one, undefined, oid), command("refs/heads/two", undefined, oid)];
  const pushId = newPushId(systemRandom);
  const push = async () => reasons(await node.push(key, create, { pushId, atomic: true }));
  const [first, second] = await push();
  ok(first !== undefined && second !== undefined);
  deepEqual(await push(), [first, second], "its caller may not have heard the answer");
  deepEqual(reasons(await node.push(key, [command(one, oid, undefined)])), [undefined]);
  for (const options of [undefined, {}, { lose: true }]) {
    if (options !== undefined) await node.restart(options);
    const refused = "the same push was refused before";
    deepEqual(await push(), [refused, refused]);
    deepEqual(await node.references(key), []);
  }
  deepEqual(reasons(await node.push(key, create, { atomic: true })), [undefined, undefined]);
});
