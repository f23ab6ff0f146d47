/**
 * Requests about repositories that arrive a second time, late: they change nothing, whatever was done in
 * between.
 */

import { deepEqual, equal, notDeepEqual, ok, rejects } from "node:assert/strict";
import { GitStratumError, systemRandom } from "@gitstratum/core";
import {
  type Fetcher,
  type NetworkId,
  newPushId,
  newRepositoryId,
  newRequestId,
  RELEASE_LEVEL,
  type RepositoryInfo,
  type RepositoryName,
  repositoryVersion,
} from "@gitstratum/core/rpc";
import { TestCluster } from "../testing/test_cluster.ts";
import { command, reasons, TestNode } from "../testing/test_node.ts";

const OLD = "owner/name" as RepositoryName;
const NEW = "other/name" as RepositoryName;

type Call = (node: TestNode) => Promise<unknown>;

/** A request that is kept, and what takes back what it did. */
interface Story {
  readonly what: string;
  readonly before?: Call;
  readonly does: Call;
  readonly undoes: Call;
}

async function living(node: TestNode): Promise<RepositoryInfo> {
  return (await node.metadata.listRepositories({ limit: 1 }))[0]!;
}

async function removed(node: TestNode): Promise<RepositoryInfo> {
  return (await node.metadata.listDeletedRepositories({ limit: 1 }))[0]!;
}

/** A call for the repository that there is when it is made first, and for no other when it is repeated. */
function about(
  find: (node: TestNode) => Promise<RepositoryInfo>,
  call: (node: TestNode, key: RepositoryInfo) => Promise<unknown>,
): Call {
  let key: Promise<RepositoryInfo> | undefined;
  return async (node) => await call(node, await (key ??= find(node)));
}

function settings(visibility: "public" | "private"): Call {
  const requestId = newRequestId(systemRandom);
  return about(
    living,
    (node, key) => node.metadata.updateRepository(key, { settings: { visibility }, requestId }),
  );
}

function head(branch: string): Call {
  const requestId = newRequestId(systemRandom);
  return about(
    living,
    (node, key) => node.metadata.updateRepository(key, { head: `refs/heads/${branch}`, requestId }),
  );
}

function rename(from: RepositoryName, name: RepositoryName): Call {
  const requestId = newRequestId(systemRandom);
  return about(
    living,
    (node, key) => node.metadata.renameRepository(key, { from, name, requestId }),
  );
}

function remove(): Call {
  const requestId = newRequestId(systemRandom);
  return about(living, (node, key) => node.metadata.deleteRepository(key, { requestId }));
}

function restore(): Call {
  const requestId = newRequestId(systemRandom);
  return about(removed, (node, key) => node.metadata.restoreRepository(key, { requestId }));
}

function create(name = NEW): Call {
  const repositoryId = newRepositoryId(systemRandom);
  return (node) =>
    node.metadata.createRepository({
      name,
      objectFormat: "sha1",
      defaultBranch: "main",
      repositoryId,
    });
}

function fork(name = NEW): Call {
  const repositoryId = newRepositoryId(systemRandom);
  return about(
    living,
    (node, key) => node.metadata.forkRepository(key, { name, repositoryId }),
  );
}

/** Deletes what has the new name, for good. */
const purgeNew: Call = async (node) => {
  const found = (await node.metadata.findRepository(NEW))!;
  await node.metadata.deleteRepository(found);
  await node.metadata.purgeRepository(found);
};
const deleteNew: Call = async (node) =>
  await node.metadata.deleteRepository((await node.metadata.findRepository(NEW))!);
const purge = about(removed, (node, key) => node.metadata.purgeRepository(key));

const STORIES: readonly Story[] = [
  {
    what: "settings that were changed back",
    before: settings("private"),
    does: settings("public"),
    undoes: settings("private"),
  },
  { what: "a HEAD that was changed back", does: head("other"), undoes: head("main") },
  { what: "a name that was changed back", does: rename(OLD, NEW), undoes: rename(NEW, OLD) },
  { what: "a deletion of what was restored", does: remove(), undoes: restore() },
  {
    what: "a restoration of what was deleted again",
    before: remove(),
    does: restore(),
    undoes: remove(),
  },
  { what: "a creation of what was deleted", does: create(), undoes: deleteNew },
  { what: "a creation of what is gone", does: create(), undoes: purgeNew },
  {
    what: "a creation of what has another name",
    does: create(),
    async undoes({ metadata }) {
      const made = (await metadata.findRepository(NEW))!;
      await metadata.renameRepository(made, { from: NEW, name: "x/y" as RepositoryName });
    },
  },
  { what: "a fork that was deleted", does: fork(), undoes: deleteNew },
  { what: "a fork that is gone", does: fork(), undoes: purgeNew },
  { what: "a purge", before: remove(), does: purge, undoes: create(OLD) },
];

/** Everything about repositories that somebody sees. */
async function seen({ metadata }: TestNode): Promise<unknown> {
  return {
    living: await metadata.listRepositories({ limit: 10 }),
    deleted: await metadata.listDeletedRepositories({ limit: 10 }),
    names: await Promise.all([OLD, NEW].map((name) => metadata.findRepository(name))),
  };
}

/** What a caller who has gone away would have been told does not matter; that nothing broke does. */
async function late(node: TestNode, call: Call): Promise<void> {
  await call(node).catch((error) => ok(error instanceof GitStratumError, String(error)));
}

for (const { what, before, does, undoes } of STORIES) {
  Deno.test(`a request that arrives again does nothing: ${what}`, async () => {
    await using node = await TestNode.start();
    await node.create();
    await before?.(node);
    await does(node);
    const done = await seen(node);
    await late(node, does);
    deepEqual(await seen(node), done, "at once");
    await undoes(node);
    const undone = await seen(node);
    for (const options of [undefined, {}, { lose: true }]) {
      if (options !== undefined) await node.restart(options);
      await late(node, does);
      await node.node.upkeep();
      deepEqual(await seen(node), undone, `after it was taken back, ${JSON.stringify(options)}`);
    }
  });
}

const ALREADY: readonly Story[] = [
  { what: "a deletion", before: remove(), does: remove(), undoes: restore() },
  {
    what: "a restoration",
    before: restore(),
    does: restore(),
    undoes: remove(),
  },
  { what: "a name", before: rename(OLD, NEW), does: rename(OLD, NEW), undoes: rename(NEW, OLD) },
  {
    what: "settings",
    before: settings("public"),
    does: settings("public"),
    undoes: settings("private"),
  },
  { what: "a HEAD", before: head("other"), does: head("other"), undoes: head("main") },
];

for (const { what, before, does, undoes } of ALREADY) {
  Deno.test(`a request that finds done what it asks for does nothing later: ${what}`, async () => {
    await using node = await TestNode.start();
    const key = await node.create();
    if (what === "a restoration") await node.metadata.deleteRepository(key);
    // Both callers found the same; the other one was quicker.
    await Promise.all([late(node, before!), late(node, does)]);
    const done = await seen(node);
    await undoes(node);
    const undone = await seen(node);
    notDeepEqual(undone, done);
    for (const options of [undefined, {}, { lose: true }]) {
      if (options !== undefined) await node.restart(options);
      await late(node, does);
      await node.node.upkeep();
      deepEqual(await seen(node), undone, `after it was taken back, ${JSON.stringify(options)}`);
    }
  });
}

Deno.test("a request that was carried out is answered so again, for a day", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const requestId = newRequestId(systemRandom);
  const change = { settings: { visibility: "public" }, requestId } as const;
  const update = () => node.metadata.updateRepository(key, change);
  equal((await update()).settings.visibility, "public");
  await node.metadata.updateRepository(key, { settings: { description: "text" } });
  const again = await update();
  equal(again.settings.description, "text", "as it is by now");
  equal(again.settings.visibility, "public");
});

/** Changes that nodes are asked for, by clients or by each other. */
const CHANGES = /^(PATCH|DELETE|POST) .*(repositories|fork|rename|restore|purge|directory)/;

Deno.test("what clients and nodes of a cluster said does nothing when it arrives again", async () => {
  let heard: (() => Promise<Response>)[] = [];
  const overhear = (fetcher: Fetcher): Fetcher => (request) => {
    if (CHANGES.test(`${request.method} ${new URL(request.url).pathname}`)) {
      const kept = request.clone();
      heard.push(() => fetcher(kept.clone()));
    }
    return fetcher(request);
  };
  await using cluster = await TestCluster.start({ overhear, level: RELEASE_LEVEL });
  const { metadata } = cluster;
  const one = await cluster.create("owner/one");
  const key = await cluster.create("owner/name");
  const present = async () => ({
    living: await cluster.during(metadata.listRepositories({ limit: 10 })),
    deleted: await cluster.during(metadata.listDeletedRepositories({ limit: 10 })),
    name: await cluster.during(metadata.findRepository(OLD)),
  });
  const acts: readonly (() => Promise<unknown>)[] = [
    () => metadata.updateRepository(key, { settings: { visibility: "public" } }),
    () => metadata.updateRepository(key, { settings: { visibility: "private" } }),
    () => metadata.renameRepository(key, { from: OLD, name: NEW }),
    () => metadata.renameRepository(key, { from: NEW, name: OLD }),
    () => metadata.deleteRepository(key),
    () => metadata.restoreRepository(key, {}),
    () => metadata.deleteRepository(key),
    () => metadata.purgeRepository(key),
    () => metadata.forkRepository(one, { name: OLD }),
    async () => await metadata.deleteRepository((await metadata.findRepository(OLD))!),
  ];
  for (const [at, act] of acts.entries()) {
    await cluster.during(act());
    const said = [...heard];
    const seen = await present();
    for (const [number, again] of said.entries()) {
      await (await cluster.during(again())).body?.cancel();
      deepEqual(await present(), seen, `after act ${at}, request ${number}`);
    }
    heard = said;
  }
  ok(heard.length > acts.length, "nodes asked each other, too");
});

Deno.test("a purge that arrives late spares what was brought back and deleted again", async () => {
  await using cluster = await TestCluster.start({ level: RELEASE_LEVEL });
  const { metadata, clock } = cluster;
  const key = await cluster.create("owner/name");
  const deleted = async () => {
    await cluster.during(metadata.deleteRepository(key));
    const [found] = await cluster.during(metadata.listDeletedRepositories({ limit: 1 }));
    return found!;
  };
  const first = await deleted();
  await cluster.during(metadata.restoreRepository(key, {}));
  await clock.advance(1);
  const second = await deleted();
  notDeepEqual(second.deletedAtMs, first.deletedAtMs);
  const notFound = { code: "not-found" };
  await rejects(cluster.during(metadata.purgeRepository(key, first)), notFound);
  deepEqual(await cluster.during(metadata.listDeletedRepositories({ limit: 2 })), [second]);
  await cluster.during(metadata.purgeRepository(key, second));
  deepEqual(await cluster.during(metadata.listDeletedRepositories({ limit: 2 })), []);
});

for (const [what, make] of [["creation", () => create(OLD)], ["fork", () => fork(OLD)]] as const) {
  Deno.test(`a ${what} that was refused makes nothing when it arrives again`, async () => {
    await using node = await TestNode.start();
    await node.create("owner/another");
    const again = make();
    const { repositoryId } = await node.create(OLD);
    await rejects(again(node), { code: "already-exists" });
    const known = (await node.metadata.findRepository(OLD))!;
    equal(known.repositoryId, repositoryId);
    await node.metadata.deleteRepository(known);
    const before = await seen(node);
    for (const options of [undefined, {}, { lose: true }]) {
      if (options !== undefined) await node.restart(options);
      await late(node, again);
      await node.node.upkeep();
      deepEqual(await seen(node), before, JSON.stringify(options));
    }
    await create(OLD)(node);
  });
}

Deno.test("a purge that finds brought back what it is about is not done", async () => {
  let isLost = true;
  const lose = (fetcher: Fetcher): Fetcher => async (request) => {
    if (!isLost || !new URL(request.url).pathname.endsWith("/purge")) return await fetcher(request);
    isLost = false;
    await cluster.metadata.restoreRepository(key, {});
    throw new TypeError("Connection reset");
  };
  await using cluster = await TestCluster.start({ overhear: lose, level: RELEASE_LEVEL });
  const { metadata } = cluster;
  const key: RepositoryInfo = await cluster.create("owner/name");
  await cluster.during(metadata.deleteRepository(key));
  await rejects(cluster.during(metadata.purgeRepository(key)), { code: "not-found" });
  equal(isLost, false);
  const found = await cluster.during(metadata.findRepository(OLD));
  equal(found?.repositoryId, key.repositoryId);
});

/** Why a push is refused before its references are looked at, and what would let it in later. */
const REFUSALS: readonly (Pick<Story, "what" | "does" | "undoes"> & { readonly judges?: true })[] =
  [
    { what: "that the repository was deleted", does: remove(), undoes: restore() },
    {
      what: "that it was judged by other settings",
      does: settings("public"),
      undoes: settings("private"),
      judges: true,
    },
    {
      what: "that it was judged by another name",
      does: rename(OLD, NEW),
      undoes: rename(NEW, OLD),
      judges: true,
    },
  ];

for (const { what, does, undoes, judges } of REFUSALS) {
  Deno.test(`a push that was told ${what} does nothing when it arrives again`, async () => {
    await using node = await TestNode.start();
    await node.create();
    await settings("private")(node);
    const key = await living(node);
    const oid = node.objects.commitOf("text");
    const group = await node.store(key, [oid]);
    const judged = { name: key.name, version: repositoryVersion(key) };
    const request = { pushId: newPushId(systemRandom), group, ...(judges ? { judged } : {}) };
    const push = () => node.push(key, [command("refs/heads/main", undefined, oid)], request);
    await does(node);
    if (judges) deepEqual(await push(), { results: [], outdated: true });
    else await rejects(push(), { code: "not-found" });
    await undoes(node);
    for (const options of [undefined, {}, { lose: true }]) {
      if (options !== undefined) await node.restart(options);
      deepEqual(reasons(await push()), ["the same push was refused before"]);
      deepEqual(await node.references(key), []);
    }
    const again = { ...request, pushId: newPushId(systemRandom) };
    const next = await node.push(key, [command("refs/heads/main", undefined, oid)], again);
    deepEqual(reasons(next), [undefined]);
  });
}

Deno.test("a push to what is gone for good is told so each time", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  await node.metadata.deleteRepository(key);
  const pushId = newPushId(systemRandom);
  const push = () => node.push(key, [command("refs/heads/main", undefined, undefined)], { pushId });
  await rejects(push(), { code: "not-found" });
  await node.metadata.purgeRepository(key);
  for (const options of [undefined, {}, { lose: true }]) {
    if (options !== undefined) await node.restart(options);
    await rejects(push(), { code: "not-found" });
  }
});

Deno.test("a push that names another network is noted of no repository", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = node.objects.commitOf("text");
  const request = { pushId: newPushId(systemRandom), group: await node.store(key, [oid]) };
  const commands = [command("refs/heads/main", undefined, oid)];
  const other = { ...key, networkId: newRepositoryId(systemRandom) as string as NetworkId };
  await rejects(node.push(other, commands, request), { code: "not-found" });
  deepEqual(reasons(await node.push(key, commands, request)), [undefined]);
});
