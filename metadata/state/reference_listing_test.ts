import { deepEqual, equal, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Reference, RepositoryKey } from "@gitstratum/core/rpc";
import { command, reasons, TestNode } from "../testing/test_node.ts";

/** A repository with so many branches that a listing takes several batches. */
async function manyBranches(node: TestNode, count: number) {
  const key = await node.create();
  const oid = node.objects.commitOf("one");
  const group = await node.store(key, [oid]);
  const names = Array.from({ length: count }, (_, index) => `refs/heads/b${index}`);
  const commands = names.map((name) => command(name, undefined, oid));
  const result = await node.push(key, commands, { group });
  equal(reasons(result).filter((reason) => reason !== undefined).length, 0);
  return { key, oid, names };
}

const sorted = (names: readonly string[]) => [...names].sort();

/** What a listing must be: every name with one of the prefixes, once, in order. */
function expected(names: readonly string[], prefixes: readonly string[]): string[] {
  return sorted(names).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

async function namesOf(node: TestNode, key: RepositoryKey, prefixes: readonly string[]) {
  return (await node.references(key, prefixes)).map(({ name }) => name);
}

Deno.test("listReferences() finds each name below any of the prefixes once", async () => {
  await using node = await TestNode.start();
  const { key, names } = await manyBranches(node, 1700);
  deepEqual(await namesOf(node, key, []), sorted(names));
  const queries = [
    ["refs/heads/b1", "refs/heads/b10", "refs/heads/b1"],
    ["refs/heads/b9", "refs/heads/b2", "refs/x"],
    ["refs/heads/b1699", "refs/heads/b1698", "refs/heads/b169"],
    ["", "refs/heads/b5"],
    ["refs/heads/b17000", "zzz", "HEAD"],
  ];
  for (const prefixes of queries) {
    deepEqual(await namesOf(node, key, prefixes), expected(names, prefixes), prefixes.join(" "));
  }
});

Deno.test("listReferences() orders names by their bytes", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = node.objects.commitOf("one");
  const group = await node.store(key, [oid]);
  // U+FFFD comes before U+1F600 in bytes, after it in UTF-16 units.
  const names = ["refs/heads/a", "refs/heads/a-b", "refs/heads/\ufffd", "refs/heads/\u{1f600}"];
  const commands = names.toReversed().map((name) => command(name, undefined, oid));
  await node.push(key, commands, { group });
  deepEqual(await namesOf(node, key, []), names);
  deepEqual(await namesOf(node, key, names.toReversed()), names);
});

Deno.test("listReferences() shows one state, whatever is pushed while it is read", async () => {
  await using node = await TestNode.start();
  const { key, oid, names } = await manyBranches(node, 1200);
  const { references } = await node.node.metadata.listReferences(key, { prefixes: [] });
  const all: Reference[] = [];
  let round = 0;
  for await (const batch of references) {
    all.push(...batch);
    const changes = [
      command(sorted(names).at(-1 - round)!, oid, undefined),
      command(`refs/heads/zz${round++}`, undefined, oid),
    ];
    deepEqual(reasons(await node.push(key, changes)), [undefined, undefined]);
  }
  deepEqual(all.map(({ name }) => name), sorted(names));
});

Deno.test("listReferences() lets go of its snapshot when nobody reads on", async () => {
  await using node = await TestNode.start();
  const { key, oid, names } = await manyBranches(node, 2600);
  const { references } = await node.node.metadata.listReferences(key, { prefixes: [] });
  const batches = references[Symbol.asyncIterator]();
  equal((await batches.next()).done, false);
  await node.clock.advance(59_000);
  equal((await batches.next()).done, false);
  await node.clock.advance(61_000);
  await rejects(batches.next(), (error) => hasCode(error, "aborted"));
  deepEqual(reasons(await node.push(key, [command(names[0]!, oid, undefined)])), [undefined]);
});

Deno.test("listReferences() refuses more open listings than it has snapshots", async () => {
  await using node = await TestNode.start();
  const { key } = await manyBranches(node, 600);
  const open: AsyncIterator<readonly Reference[]>[] = [];
  const attempt = async () => {
    const { references } = await node.node.metadata.listReferences(key, { prefixes: [] });
    open.push(references[Symbol.asyncIterator]());
  };
  for (let count = 0; count < 64; count++) await attempt();
  await rejects(attempt(), (error) => hasCode(error, "unavailable"));
  for (const batches of open) await batches.return?.();
  equal((await namesOf(node, key, [])).length, 600);
});

Deno.test("listReferences() shows HEAD unborn until its branch exists", async () => {
  await using node = await TestNode.start();
  const { key } = await manyBranches(node, 1);
  const { head } = await node.metadata.listReferences(key, { prefixes: ["refs/none/"] });
  deepEqual(head, { target: "refs/heads/main" });
  const oid = (await node.references(key))[0]!.oid;
  await node.push(key, [command("refs/heads/main", undefined, oid)]);
  const born = await node.metadata.listReferences(key, { prefixes: ["refs/none/"] });
  deepEqual(born.head, { target: "refs/heads/main", oid });
  const missing = { ...key, repositoryId: "f".repeat(32) as typeof key.repositoryId };
  const ask = node.metadata.listReferences(missing, { prefixes: [] });
  await rejects(ask, (error) => hasCode(error, "not-found"));
});

Deno.test("listReferences() leaves no read open when it stops among many names", async () => {
  await using node = await TestNode.start();
  const { key, oid } = await manyBranches(node, 600);
  for (let number = 0; number < 3; number++) {
    equal((await namesOf(node, key, ["refs/heads/b59"])).length, 11 + number);
    const added = command(`refs/heads/b59-${number}`, undefined, oid);
    deepEqual(reasons(await node.push(key, [added])), [undefined]);
  }
});
