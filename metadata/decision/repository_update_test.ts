import { deepEqual, equal, notEqual, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type RepositoryKey,
  repositoryVersion,
} from "@gitstratum/core/rpc";
import { command, reasons, TestNode } from "../testing/test_node.ts";

const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);
const MAIN = "refs/heads/main";
const SECRET = "refs/secret/one";

/** Pushes a commit of its own to each name. */
async function pushNew(node: TestNode, key: RepositoryKey, names: readonly string[]) {
  const oids = new Map(names.map((name) => [name, node.objects.commitOf(name)]));
  const group = await node.store(key, [...oids.values()]);
  const commands = names.map((name) => command(name, undefined, oids.get(name)!));
  deepEqual(reasons(await node.push(key, commands, { group })), names.map(() => undefined));
  return (name: string): Oid => oids.get(name)!;
}

async function refusedWants(node: TestNode, key: RepositoryKey, wants: readonly Oid[]) {
  const request = { wants, haves: [], clientShallow: [] };
  return (await node.metadata.negotiate(key, request)).refused;
}

async function namesOf(node: TestNode, key: RepositoryKey): Promise<string[]> {
  return (await node.references(key)).map(({ name }) => name);
}

Deno.test("updateRepository() changes HEAD and settings, for good", async () => {
  await using node = await TestNode.start();
  const created = await node.create();
  deepEqual(created.settings, DEFAULT_REPOSITORY_SETTINGS);
  const updated = await node.metadata.updateRepository(created, {
    head: "refs/heads/trunk",
    settings: { denyDeletes: true, objectBytesMax: 1000, fsck: { BADDATE: "warn" } },
  });
  const settings = {
    ...DEFAULT_REPOSITORY_SETTINGS,
    denyDeletes: true,
    objectBytesMax: 1000,
    fsck: { badDate: "warn" },
  };
  deepEqual(updated, { ...created, head: "refs/heads/trunk", settings });
  for (const options of [{}, { lose: true }]) {
    await node.restart(options);
    deepEqual(await node.metadata.findRepository(created.name), updated);
  }
  const reset = await node.metadata.updateRepository(created, {
    settings: { denyDeletes: null, objectBytesMax: null, fsck: null },
  });
  deepEqual(reset, { ...created, head: "refs/heads/trunk" });
  equal((await node.metadata.listReferences(created, { prefixes: [] })).head.target, updated.head);
});

Deno.test("updateRepository() refuses a change of what somebody else has changed", async () => {
  await using node = await TestNode.start();
  const created = await node.create();
  const ifVersion = repositoryVersion(created);
  const first = { settings: { denyDeletes: true }, ifVersion };
  const changed = await node.metadata.updateRepository(created, first);
  notEqual(repositoryVersion(changed), ifVersion);
  const other = { settings: { allowHiddenWants: true }, ifVersion };
  await rejects(node.metadata.updateRepository(created, other), is("conflict"));
  const head = { head: "refs/heads/trunk", ifVersion };
  await rejects(node.metadata.updateRepository(created, head), is("conflict"));
  deepEqual(await node.metadata.findRepository(created.name), changed, "nothing was changed");
  deepEqual(await node.metadata.updateRepository(created, first), changed, "a repeated call");
  const again = { ...other, ifVersion: repositoryVersion(changed) };
  equal((await node.metadata.updateRepository(created, again)).settings.allowHiddenWants, true);
});

Deno.test("updateRepository() refuses what is no branch, and unknown repositories", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  for (const head of ["main", "HEAD", "refs/tags/v1", "refs/heads/", "refs/heads/a..b"]) {
    await rejects(node.metadata.updateRepository(key, { head }), is("invalid"), head);
  }
  await node.metadata.deleteRepository(key);
  await rejects(node.metadata.updateRepository(key, { head: MAIN }), is("not-found"));
});

Deno.test("updateRepository() decides on what racing calls before it made", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  await Promise.all([
    node.metadata.updateRepository(key, { settings: { denyDeletes: true } }),
    node.metadata.updateRepository(key, { settings: { denyNonFastForwards: true } }),
    node.metadata.updateRepository(key, { head: "refs/heads/trunk" }),
  ]);
  const found = await node.metadata.findRepository(key.name);
  equal(found?.settings.denyDeletes, true);
  equal(found?.settings.denyNonFastForwards, true);
  equal(found?.head, "refs/heads/trunk");
});

Deno.test("push() refuses to delete what the settings protect", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const other = "refs/heads/other";
  const oid = await pushNew(node, key, [MAIN, other, "refs/tags/v1"]);
  const deletions = [MAIN, other, "refs/tags/v1"].map((name) =>
    command(name, oid(name), undefined)
  );
  await node.metadata.updateRepository(key, { settings: { denyDeletes: true } });
  deepEqual(reasons(await node.push(key, deletions)), [
    "deletion prohibited",
    "deletion prohibited",
    undefined,
  ]);
  await node.metadata.updateRepository(key, { settings: { denyDeletes: null } });
  deepEqual(reasons(await node.push(key, deletions.slice(0, 2))), [
    "deletion of the current branch prohibited",
    undefined,
  ]);
  await node.metadata.updateRepository(key, { settings: { denyDeleteCurrent: false } });
  deepEqual(reasons(await node.push(key, deletions.slice(0, 1))), [undefined]);
});

Deno.test("push() finds fast-forwards in the push, in the repository and across", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  await node.metadata.updateRepository(key, { settings: { denyNonFastForwards: true } });
  const one = node.objects.commitOf("1");
  const two = node.objects.commitOf("2", [one]);
  let group = await node.store(key, [two]);
  const first = [command(MAIN, undefined, one), command("refs/tags/two", undefined, two)];
  deepEqual(reasons(await node.push(key, first, { group })), [undefined, undefined]);
  deepEqual(reasons(await node.push(key, [command(MAIN, one, two)])), [undefined]);
  deepEqual(reasons(await node.push(key, [command(MAIN, two, one)])), ["non-fast-forward"]);

  const three = node.objects.commitOf("3", [two]);
  const four = node.objects.commitOf("4", [three]);
  group = await node.store(key, [four]);
  deepEqual(reasons(await node.push(key, [command(MAIN, two, four)], { group })), [undefined]);

  const side = node.objects.commitOf("side", [three]);
  group = await node.store(key, [side]);
  const moves = [
    command(MAIN, four, side),
    command("refs/heads/new", undefined, side),
    command("refs/tags/t", undefined, four),
  ];
  deepEqual(reasons(await node.push(key, moves, { group })), [
    "non-fast-forward",
    undefined,
    undefined,
  ]);
  // As git: only branches are held, and a wrong old id is met by its own ancestry first.
  deepEqual(reasons(await node.push(key, [command("refs/tags/t", four, side)])), [undefined]);
  const unknown = node.objects.commitOf("never stored");
  deepEqual(reasons(await node.push(key, [command(MAIN, unknown, side)])), ["bad ref"]);
  equal((await node.references(key)).find(({ name }) => name === MAIN)?.oid, four);
});

Deno.test("push() obeys settings that came between its check and its decision", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = await pushNew(node, key, [MAIN, "refs/heads/other"]);
  const [settled, pushed] = await Promise.all([
    node.metadata.updateRepository(key, { settings: { denyNonFastForwards: true } }),
    node.push(key, [command(MAIN, oid(MAIN), oid("refs/heads/other"))]),
  ]);
  equal(settled.settings.denyNonFastForwards, true);
  deepEqual(reasons(pushed), ["non-fast-forward"]);
});

Deno.test("hidden references are not listed, not moved, and give no objects", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const shown = "refs/secret/shown";
  const oid = await pushNew(node, key, [MAIN, SECRET, shown]);
  deepEqual(await refusedWants(node, key, [oid(SECRET)]), []);
  const hide = { hiddenReferences: ["refs/secret", "!refs/secret/shown"] };
  await node.metadata.updateRepository(key, { settings: hide });

  deepEqual(await namesOf(node, key), [MAIN, shown]);
  const wants = [oid(MAIN), oid(SECRET), oid(shown)];
  deepEqual(await refusedWants(node, key, wants), [oid(SECRET)]);
  const scopes = ["visible", "repository"] as const;
  const counts = await Promise.all(
    scopes.map(async (scope) => (await node.metadata.locate(key, { oids: wants, scope })).length),
  );
  deepEqual(counts, [2, 3]);
  const commands = [
    command(SECRET, oid(SECRET), oid(MAIN)),
    command("refs/secret/two", undefined, oid(MAIN)),
    command(SECRET, oid(SECRET), undefined),
    command(shown, oid(shown), oid(MAIN)),
  ];
  deepEqual(reasons(await node.push(key, commands)), [
    "deny updating a hidden ref",
    "deny updating a hidden ref",
    "deny deleting a hidden ref",
    undefined,
  ]);

  // A visible reference that reaches it brings it back, at once.
  const visible = [command("refs/heads/copy", undefined, oid(SECRET))];
  deepEqual(reasons(await node.push(key, visible)), [undefined]);
  deepEqual(await refusedWants(node, key, wants), []);
});

Deno.test("allowHiddenWants serves hidden objects by id, and still shows no names", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = await pushNew(node, key, [MAIN, SECRET]);
  const settings = { hiddenReferences: ["refs/secret"], allowHiddenWants: true };
  await node.metadata.updateRepository(key, { settings });
  deepEqual(await namesOf(node, key), [MAIN]);
  deepEqual(await refusedWants(node, key, [oid(SECRET)]), []);
  await node.metadata.updateRepository(key, { settings: { allowHiddenWants: null } });
  deepEqual(await refusedWants(node, key, [oid(SECRET)]), [oid(SECRET)]);
});

Deno.test("HEAD shows a hidden branch, as in git, until it points elsewhere", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = await pushNew(node, key, [MAIN, "refs/heads/other"]);
  await node.metadata.updateRepository(key, { settings: { hiddenReferences: [MAIN] } });
  const { head } = await node.metadata.listReferences(key, { prefixes: [] });
  deepEqual(head, { target: MAIN, oid: oid(MAIN) });
  deepEqual(await refusedWants(node, key, [oid(MAIN)]), []);
  await node.metadata.updateRepository(key, { head: "refs/heads/other" });
  deepEqual(await refusedWants(node, key, [oid(MAIN)]), [oid(MAIN)]);
});

Deno.test("listReferences() passes over thousands of hidden references", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = await pushNew(node, key, [MAIN]);
  const hidden = Array.from({ length: 1500 }, (_, index) => `refs/pull/${index}/head`);
  const shown = ["refs/pull-shown", "refs/pull0", "refs/pulled", "refs/zz"]
    .map((prefix) => `${prefix}/x`);
  const commands = [...hidden, ...shown].map((name) => command(name, undefined, oid(MAIN)));
  await node.push(key, commands);
  for (const hiddenReferences of [["refs/pull"], ["refs/pull", "!refs/pull/none"]]) {
    await node.metadata.updateRepository(key, { settings: { hiddenReferences } });
    deepEqual(await namesOf(node, key), [MAIN, ...shown]);
    deepEqual(await node.references(key, ["refs/pull/"]), []);
  }
});

Deno.test("push() changes nothing in an archived repository, until it is none any more", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = await pushNew(node, key, [MAIN, "refs/heads/other"]);
  const commands = [
    command(MAIN, oid(MAIN), oid("refs/heads/other")),
    command("refs/heads/other", oid("refs/heads/other"), undefined),
  ];
  const archived = "the repository is archived";
  await node.metadata.updateRepository(key, { settings: { archived: true } });
  deepEqual(reasons(await node.push(key, commands)), [archived, archived]);
  equal((await node.references(key)).length, 2);
  await node.metadata.updateRepository(key, { settings: { archived: false } });
  deepEqual(reasons(await node.push(key, commands)), [undefined, undefined]);
});
