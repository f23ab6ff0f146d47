import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import { hasCode } from "@gitstratum/core";
import { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import { GitRepository } from "./testing/git_repository.ts";
import { dice, writeHistory } from "./testing/history.ts";
import { pushInSteps } from "./testing/push_history.ts";
import { TestNetwork, type TestRepository } from "./testing/test_network.ts";
import { askUploadPack } from "./testing/upload_pack.ts";
import { NetworkStore } from "./network_store.ts";

const FORMATS: readonly ObjectFormat[] = ["sha1", "sha256"];

for (const format of FORMATS) {
  Deno.test(`NetworkView.contains() is what git reaches (${format})`, async () => {
    await using source = await GitRepository.create(format);
    const roll = dice(7);
    await writeHistory(source, roll, 60);
    const network = new TestNetwork(source);
    const [mine, fork] = [network.repository(), network.repository()];
    const references = await source.references();
    // The fork alone has some branches; mine loses one that it had, and gets junk.
    for (const name of references.keys()) {
      const owner = roll(3) === 0 ? fork : mine;
      const loose = await source.oid("refs/heads/b0:");
      await network.push(owner, { [name]: name }, {
        thin: true,
        known: [...mine.tips(), ...fork.tips()].slice(0, roll(4)),
        ...roll(4) === 0 ? { junk: [loose] } : {},
      });
    }
    const all = [...await source.reachable(["--all"])];
    const check = async (repository: TestRepository) => {
      const tips = [...new Set(repository.tips())];
      const reached = await source.reachable([], tips.join("\n") + "\n");
      const missing = new Set(await network.view.contains(repository, all));
      deepEqual(missing, new Set(all.filter((oid) => !reached.has(oid))));
      return missing.size;
    };
    const before = [await check(mine), await check(fork)];
    ok(before.every((count) => count > 0), "Each repository lacks something");
    for (const name of [...mine.references.keys()].filter((_, at) => at % 2 === 0)) {
      mine.update(name, undefined);
    }
    ok(await check(mine) > before[0]!, "Deleted references reach nothing any more");
    deepEqual(await network.view.contains(mine, ["9".repeat(all[0]!.length) as Oid]), [
      "9".repeat(all[0]!.length),
    ]);
  });

  Deno.test(`NetworkView.locate() and the object reader rebuild every object (${format})`, async () => {
    await using source = await GitRepository.create(format);
    const roll = dice(11);
    await writeHistory(source, roll, 40);
    const network = new TestNetwork(source, { extentBytes: 777 });
    const repository = network.repository();
    await pushInSteps(network, repository, roll);
    const all = [...await source.reachable(["--all"])];
    const located = await network.view.locate(repository, { oids: all, scope: "repository" });
    equal(located.length, all.length);
    ok(located.some((object) => object.chain.length > 1), "Some objects are deltas");
    const objects = new ByteBoundedCache<number, Uint8Array>(4096);
    const blocks = new BlockCache(network.extents, 4096);
    const store = new NetworkStore({
      catalogue: network,
      extents: network.extents,
      blocks,
      objects,
      bytesMax: 0,
    });
    const open = await store.open(repository);
    const names = await source.lines(["cat-file", "--batch-check"], all.join("\n") + "\n");
    for (const name of names) {
      const [oid, type, size] = name.split(" ");
      const found = located.find((object) => object.oid === oid)!;
      deepEqual([found.type, found.size], [type, Number(size)]);
      const bytes = await open.reader.read(open.network.findOid(oid as Oid));
      equal(await source.hash(type!, bytes), oid);
    }
    ok(objects.bytes <= 4096 && open.network.bytes > 0);
  });

  Deno.test(`NetworkView.known(), objectType() and peel() answer for the network (${format})`, async () => {
    await using source = await GitRepository.create(format);
    await writeHistory(source, dice(3), 10);
    const network = new TestNetwork(source);
    const repository = network.repository();
    await pushInSteps(network, repository, dice(4));
    const { view } = network;
    const commit = await source.oid("refs/heads/b0");
    const absent = commit.replaceAll(/./g, "e") as Oid;
    const rows = Uint8Array.fromHex(absent + commit + absent + commit);
    deepEqual([...await view.known(repository, rows)], [1, 3]);
    equal(await view.objectType(repository, commit), "commit");
    equal(await view.objectType(repository, await source.oid("deep")), "tag");
    equal(await view.objectType(repository, absent), undefined);
    equal(await view.peel(repository, await source.oid("deep")), await source.oid("deep^{}"));
    equal(await view.peel(repository, await source.oid("of-tree")), await source.oid("of-tree^{}"));
    equal(await view.peel(repository, absent), undefined);
  });
}

Deno.test("NetworkView.negotiate() finds common commits and tells when they suffice", async () => {
  await using source = await GitRepository.create("sha1");
  const roll = dice(5);
  await writeHistory(source, roll, 60);
  const network = new TestNetwork(source);
  const repository = network.repository();
  const fork = network.repository();
  await pushInSteps(network, repository, roll);
  const heads = [...repository.references].filter(([name]) => name.startsWith("refs/heads/"));
  const [kept] = heads[0]!;
  for (const [name, oid] of heads.slice(1)) {
    fork.update(name, oid);
    repository.update(name, undefined);
  }
  for (const name of [...repository.references.keys()]) {
    if (name !== kept) repository.update(name, undefined);
  }
  const mine = await source.lines(["rev-list", repository.references.get(kept)!]) as Oid[];
  const other = (await source.lines(["rev-list", "--all"]) as Oid[]).filter((oid) =>
    !mine.includes(oid)
  );
  ok(other.length > 0);
  const ask = (wants: Oid[], haves: Oid[], clientShallow: Oid[] = []) =>
    network.view.negotiate(repository, { wants, haves, clientShallow });
  deepEqual(await ask([mine[0]!, other[0]!], [other[0]!, mine[3]!]), {
    refused: [other[0]],
    common: [mine[3]],
    ready: true,
  });
  equal((await ask([mine[0]!], [other[0]!])).ready, false);
  equal((await ask([mine[0]!], [mine.at(-1)!])).ready, true);
  // Cut off from what it has, the want reaches nothing.
  equal((await ask([mine[0]!], [mine.at(-1)!], [mine[0]!])).ready, false);
});

Deno.test("NetworkView.negotiate() takes in what is pushed while it loads the network", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(13), 30);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await network.push(repository, { "refs/heads/first": "refs/heads/b0~5" });
  const gate = Promise.withResolvers<void>();
  const read = network.extents.read.bind(network.extents);
  network.extents.read = async (id, range) => {
    await gate.promise;
    return await read(id, range);
  };
  const wants = [await source.oid("refs/heads/b0~5")];
  const question = { wants, haves: [], clientShallow: [] };
  const asked = network.view.negotiate(repository, question);
  await network.push(repository, { "refs/heads/second": "refs/heads/b0" });
  gate.resolve();
  deepEqual((await asked).refused, []);
});

Deno.test("NetworkView.deepen() cuts history where git does", async () => {
  await using source = await GitRepository.create("sha1");
  const roll = dice(23);
  await writeHistory(source, roll, 70);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await pushInSteps(network, repository, roll);
  const commits = await source.lines(["rev-list", "--all"]) as Oid[];
  const heads = [...repository.references.keys()].filter((name) => name.startsWith("refs/heads/"));
  let boundaries = 0;
  for (let round = 0; round < 40; round++) {
    const wants = Array.from({ length: 1 + roll(3) }, () => commits[roll(commits.length)]!);
    const clientShallow = Array.from({ length: roll(4) }, () => commits[roll(commits.length)]!);
    const kind = roll(4);
    const depth = 1 + roll(8);
    const sinceS = 1_600_000_000 + roll(70) * 60;
    const not = heads[roll(heads.length)]!;
    const deepen = kind < 2
      ? [`deepen ${depth}`]
      : kind === 2
      ? [`deepen-since ${sinceS}`]
      : [`deepen-not ${not}`];
    const relative = kind === 1;
    const expected = await askUploadPack(source, {
      wants: [...new Set(wants)],
      haves: [],
      clientShallow: [...new Set(clientShallow)],
      deepen,
      capabilities: ["side-band-64k", "ofs-delta", ...relative ? ["deepen-relative"] : []],
    });
    const found = network.view.deepen(repository, {
      wants,
      clientShallow,
      depth: kind < 2
        ? { kind: "commits", depth, relative }
        : { kind: "exclude", ...kind === 2 ? { sinceS, not: [] } : { not: [not] } },
    });
    if (expected === undefined) {
      await rejects(found, (error) => hasCode(error, "invalid"));
      continue;
    }
    deepEqual(new Set((await found).shallow), expected.shallow, `round ${round} ${deepen}`);
    deepEqual(new Set((await found).unshallow), expected.unshallow, `round ${round} ${deepen}`);
    boundaries += expected.shallow.size + expected.unshallow.size;
  }
  ok(boundaries > 50, "The rounds meet boundaries");
});
