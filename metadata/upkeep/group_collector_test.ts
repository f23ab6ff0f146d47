import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { FORMER_REFERENCE_GRACE_MS, hasCode, SeededRandom } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { extentId, type RepositoryInfo, type RepositoryName } from "@gitstratum/core/rpc";
import { command, FillableDisk, reasons, TestNode } from "../testing/test_node.ts";

const MAIN = "refs/heads/main";
const SIDE = "refs/heads/side";
const FORK = "other/fork" as RepositoryName;
/** A group of one commit, its tree and its blob has so many extents. */
const GROUP_EXTENTS = 3;
const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);

/** A node that removes at once what may be removed. */
const start = (unreachedGraceMs = 0) => TestNode.start({ freedGraceMs: 0, unreachedGraceMs });

/** Pushes a new commit to a branch, in a group of its own. */
async function pushCommit(
  node: TestNode,
  key: RepositoryInfo,
  options: { readonly text: string; readonly name?: string; readonly parents?: readonly Oid[] },
): Promise<Oid> {
  const { text, name = MAIN, parents } = options;
  const old = (await node.references(key)).find((reference) => reference.name === name)?.oid;
  const oid = node.objects.commitOf(text, parents);
  const group = await node.store(key, [oid]);
  deepEqual(reasons(await node.push(key, [command(name, old, oid)], { group })), [undefined]);
  return oid;
}

/** Lets former references lapse and does the chores: once to let groups go, once to remove them. */
async function collect(node: TestNode): Promise<void> {
  node.clock.jumpWall(FORMER_REFERENCE_GRACE_MS + 1);
  await node.node.upkeep();
  await node.node.upkeep();
}

async function located(node: TestNode, key: RepositoryInfo, oids: readonly Oid[]) {
  const found = await node.metadata.locate(key, { oids, scope: "repository" });
  return found.map(({ oid }) => oid);
}

Deno.test("collect() lets a group go that a forced push left behind, after its graces", async () => {
  await using node = await start(1000);
  const key = await node.create();
  const old = await pushCommit(node, key, { text: "old" });
  const young = await pushCommit(node, key, { text: "young" });
  node.clock.jumpWall(FORMER_REFERENCE_GRACE_MS - 1);
  await node.node.upkeep();
  deepEqual(await located(node, key, [old, young]), [old, young]);
  await collect(node);
  deepEqual(await located(node, key, [old, young]), [young]);
  equal(node.extents.count, 2 * GROUP_EXTENTS, "seen once only");
  await node.clock.advance(1000);
  await collect(node);
  equal(node.extents.count, GROUP_EXTENTS);
  for (const options of [{}, { lose: true }]) {
    await node.restart(options);
    deepEqual(await located(node, key, [old, young]), [young]);
  }
  const usage = await node.metadata.repositoryUsage(key);
  equal(usage.networkBytes, usage.broughtBytes);
  // What is gone can be pushed again.
  await pushCommit(node, key, { text: "old", name: SIDE });
  deepEqual(await located(node, key, [old, young]), [old, young]);
});

Deno.test("collect() empties a network without references, which takes pushes again", async () => {
  await using node = await start();
  const key = await node.create();
  const oid = await pushCommit(node, key, { text: "1", name: SIDE });
  deepEqual(reasons(await node.push(key, [command(SIDE, oid, undefined)])), [undefined]);
  await collect(node);
  equal(node.extents.count, 0);
  await rejects(
    node.metadata.plan(key, {
      wants: [oid],
      haves: [],
      clientShallow: [],
      thinPack: false,
      ofsDelta: true,
      includeTag: false,
    }),
    is("denied"),
  );
  await pushCommit(node, key, { text: "2" });
  equal((await node.references(key)).length, 1);
});

Deno.test("collect() keeps what a fork reaches, or a repository that can be restored", async () => {
  await using node = await start();
  const parent = await node.create();
  const old = await pushCommit(node, parent, { text: "old" });
  const fork = await node.metadata.forkRepository(parent, { name: FORK });
  await pushCommit(node, parent, { text: "young" });
  await collect(node);
  deepEqual(await located(node, fork, [old]), [old]);
  deepEqual(await located(node, parent, [old]), []);
  await node.metadata.deleteRepository(fork);
  await collect(node);
  equal(node.extents.count, 2 * GROUP_EXTENTS);
  await node.metadata.restoreRepository(fork, {});
  deepEqual(await located(node, fork, [old]), [old]);
  await node.metadata.deleteRepository(fork);
  await node.metadata.purgeRepository(fork);
  await collect(node);
  equal(node.extents.count, GROUP_EXTENTS);
});

Deno.test("collect() keeps groups that others are read against, until those go", async () => {
  await using node = await start();
  const key = await node.create();
  const base = await pushCommit(node, key, { text: "base", name: SIDE });
  // Two histories in one group: one that stays, and one upon the base that does not.
  const kept = node.objects.commitOf("kept");
  const upon = node.objects.commitOf("upon", [base]);
  const group = await node.store(key, [kept, upon]);
  const commands = [command(MAIN, undefined, kept), command("refs/heads/upon", undefined, upon)];
  await node.push(key, commands, { group });
  await node.push(key, [
    command(SIDE, base, undefined),
    command("refs/heads/upon", upon, undefined),
  ]);
  await collect(node);
  await node.restart({ lose: true, freedGraceMs: 0, unreachedGraceMs: 0 });
  deepEqual(await located(node, key, [base, kept, upon]), [kept]);
  equal(node.extents.count, 2 * GROUP_EXTENTS);
  await pushCommit(node, key, { text: "next" });
  await collect(node);
  equal(node.extents.count, GROUP_EXTENTS);
});

/** Repositories and objects as people think of them. */
class Model {
  readonly links = new Map<Oid, readonly Oid[]>();
  readonly repositories = new Map<string, { info: RepositoryInfo; refs: Map<string, Oid> }>();

  reachable(name: string): Set<Oid> {
    const reached = new Set(this.repositories.get(name)!.refs.values());
    for (const oid of reached) for (const next of this.links.get(oid) ?? []) reached.add(next);
    return reached;
  }
}

/** Does one thing that people do. */
async function act(node: TestNode, model: Model, random: SeededRandom): Promise<void> {
  const pick = <T>(from: readonly T[]) => from[random.below(from.length)]!;
  const name = pick([...model.repositories.keys()]);
  const { info, refs } = model.repositories.get(name)!;
  const branch = pick([MAIN, SIDE, "refs/heads/third"]);
  const old = refs.get(branch);
  const what = random.below(10);
  if (what === 0 && model.repositories.size < 4) {
    const forkName = `o/f${random.below(1_000_000)}` as RepositoryName;
    const fork = await node.metadata.forkRepository(info, { name: forkName });
    model.repositories.set(forkName, { info: fork, refs: new Map(refs) });
  } else if (what === 1 && model.repositories.size > 1) {
    await node.metadata.deleteRepository(info);
    await node.metadata.purgeRepository(info);
    model.repositories.delete(name);
  } else if (what === 2) {
    // References to trees and blobs, in a group without commits.
    const blob = node.objects.blob(`direct ${random.below(20)}`);
    const tree = node.objects.tree({ x: blob });
    const tag = "refs/tags/direct";
    const oid = random.chance(0.5) ? tree : blob;
    const group = await node.store(info, [tree]);
    model.links.set(tree, [blob]);
    await node.push(info, [command(tag, refs.get(tag), oid)], { group });
    refs.set(tag, oid);
  } else if (what < 5) {
    // HEAD's branch is not deleted.
    if (old === undefined || branch === MAIN) return;
    deepEqual(reasons(await node.push(info, [command(branch, old, undefined)])), [undefined]);
    refs.delete(branch);
  } else {
    const commits = [...refs].filter(([at]) => at !== "refs/tags/direct").map(([, oid]) => oid);
    const tip = random.chance(0.5) ? old : pick([undefined, ...commits]);
    const parents = tip === undefined ? [] : [tip];
    const blobs = ["a", "b", "c", "d", "e"].map((text) => node.objects.blob(text));
    const files = { x: pick(blobs), y: pick(blobs) };
    const tree = node.objects.tree(files);
    const oid = node.objects.commit({ tree, parents, timeS: 1 + random.below(1000) });
    model.links.set(tree, Object.values(files));
    model.links.set(oid, [tree, ...parents]);
    // Sometimes what the repository has is sent again, sometimes not; the other blobs are junk.
    const reachable = model.reachable(name);
    const without = [...blobs, tree].filter((one) => reachable.has(one) && random.chance(0.7));
    const group = await node.store(info, [oid], { closed: false, without });
    deepEqual(reasons(await node.push(info, [command(branch, old, oid)], { group })), [undefined]);
    refs.set(branch, oid);
  }
}

/** Every repository has what its references reach, in extents that are there. */
async function checkWhole(node: TestNode, model: Model, seed: number): Promise<void> {
  for (const [name, { info }] of model.repositories) {
    const oids = [...model.reachable(name)];
    const found = await node.metadata.locate(info, { oids, scope: "repository" });
    equal(found.length, oids.length, `seed ${seed}: ${name} lost something`);
    for (const { pack, offset, extentBytes } of found.flatMap(({ chain }) => chain)) {
      const id = extentId(pack, Math.floor(offset / extentBytes));
      ok(await node.extents.stat(id) !== undefined, `seed ${seed}: ${id} is gone`);
    }
  }
}

Deno.test("collect() never takes what is needed, whatever people do", async () => {
  let removed = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const random = new SeededRandom(seed);
    await using node = await start();
    const info = await node.create();
    const model = new Model();
    model.repositories.set(info.name, { info, refs: new Map() });
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 8; count++) await act(node, model, random);
      const before = node.extents.count;
      await collect(node);
      removed += before - node.extents.count;
      await checkWhole(node, model, seed);
      await node.restart({ lose: round % 2 === 0, freedGraceMs: 0, unreachedGraceMs: 0 });
      await checkWhole(node, model, seed);
    }
  }
  ok(removed > 50, `${removed} extents were removed`);
});

Deno.test("collect() keeps what a push needs that the tables had no room for", async () => {
  const disk = new FillableDisk();
  await using node = await TestNode.start({ disk, freedGraceMs: 0, unreachedGraceMs: 0 });
  const key = await node.create();
  const oid = await pushCommit(node, key, { text: "side", name: SIDE });
  deepEqual(reasons(await node.push(key, [command(SIDE, oid, undefined)])), [undefined]);
  disk.full = true;
  await rejects(node.push(key, [command(MAIN, undefined, oid)]), is("unavailable"));
  await collect(node);
  disk.full = false;
  await node.clock.advance(1000);
  // The former reference has lapsed in the tables; the present one is in the log alone.
  await collect(node);
  deepEqual(await node.references(key), [{ name: MAIN, oid }]);
  deepEqual(await located(node, key, [oid]), [oid]);
  equal(node.extents.count, GROUP_EXTENTS);
});

Deno.test("collect() counts former references for as long as the tables have them, whatever the clock says", async () => {
  const clockBeliefMs = 60_000;
  await using node = await TestNode.start({ freedGraceMs: 0, unreachedGraceMs: 0, clockBeliefMs });
  await node.clock.advance(clockBeliefMs);
  const key = await node.create();
  const oid = await pushCommit(node, key, { text: "side", name: SIDE });
  deepEqual(reasons(await node.push(key, [command(SIDE, oid, undefined)])), [undefined]);
  const fork = await node.metadata.forkRepository(key, { name: FORK });
  await node.metadata.deleteRepository(fork);
  await node.metadata.purgeRepository(fork);
  const rightMs = node.clock.nowMs();
  await collect(node);
  node.clock.jumpWall(rightMs - node.clock.nowMs());
  deepEqual(reasons(await node.push(key, [command(MAIN, undefined, oid)])), [undefined]);
  deepEqual(await located(node, key, [oid]), [oid]);
  equal(node.extents.count, GROUP_EXTENTS);
});
