import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import { NetworkIndex } from "./network_index.ts";
import { NetworkStore } from "./network_store.ts";
import { Slices } from "./slices.ts";
import { NONE } from "./stored_group.ts";
import { GitRepository } from "./testing/git_repository.ts";
import { dice, writeHistory } from "./testing/history.ts";
import { pushInSteps } from "./testing/push_history.ts";
import { TestNetwork } from "./testing/test_network.ts";

function storeOf(network: TestNetwork, bytesMax = 1 << 20): NetworkStore {
  return new NetworkStore({
    catalogue: network,
    extents: network.extents,
    blocks: new BlockCache(network.extents, 1 << 16),
    objects: new ByteBoundedCache(1 << 16),
    bytesMax,
  });
}

Deno.test("NetworkStore.open() adds new groups to the index it has", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(1), 20);
  const network = new TestNetwork(source);
  const repository = network.repository();
  const store = storeOf(network);
  await network.push(repository, { "refs/heads/b0": "b0~2" });
  const first = await store.open(repository);
  const before = first.network.findOid(await source.oid("b0~2"));
  equal(first.network.findOid(await source.oid("b0")), NONE);
  await network.push(repository, { "refs/heads/b0": "b0" });
  // Two at once share one growth.
  const [second, third] = await Promise.all([store.open(repository), store.open(repository)]);
  equal(second.network, first.network);
  equal(third.network, first.network);
  notEqual(first.network.findOid(await source.oid("b0")), NONE);
  equal(first.network.findOid(await source.oid("b0~2")), before);
});

Deno.test("NetworkStore.open() starts again after a failure", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(1), 5);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await network.push(repository, { "refs/heads/b0": "b0" });
  const [extent] = (await network.extents.list({ limit: 100 })).filter(({ id }) =>
    id.includes("i.")
  );
  const bytes = await network.extents.read(extent!.id, { offset: 0, length: extent!.bytes });
  await network.extents.remove([extent!.id]);
  const store = storeOf(network);
  await rejects(store.open(repository), (error) => hasCode(error, "not-found"));
  const damaged = Uint8Array.from(bytes, (byte, at) => at === 100 ? byte ^ 1 : byte);
  await network.extents.write(network.networkId, [{ id: extent!.id, bytes: damaged }]);
  await rejects(store.open(repository), (error) => hasCode(error, "corrupt"));
  await network.extents.remove([extent!.id]);
  await network.extents.write(network.networkId, [{ id: extent!.id, bytes }]);
  notEqual((await store.open(repository)).network.findOid(await source.oid("b0")), NONE);
});

Deno.test("NetworkStore keeps a network that alone exceeds its budget", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(1), 5);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await network.push(repository, { "refs/heads/b0": "b0" });
  const store = storeOf(network, 1);
  equal((await store.open(repository)).network, (await store.open(repository)).network);
});

Deno.test("NetworkIndex gives an object that was pushed twice one canonical position", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(2), 20);
  const network = new TestNetwork(source);
  const [repository, fork] = [network.repository(), network.repository()];
  await network.push(repository, { "refs/heads/b0": "b0~1" });
  await network.push(fork, { "refs/heads/b0": "b0" }, { known: [] });
  const { network: index } = await storeOf(network).open(repository);
  const all = [...await source.reachable(["b0"])];
  const [older, newer] = index.groups;
  equal(newer!.index.objectCount, all.length);
  ok(newer!.hasDuplicates && !older!.hasDuplicates);
  for (const oid of all) {
    const position = index.findOid(oid);
    const ordinal = newer!.index.find(Uint8Array.fromHex(oid));
    equal(newer!.canonical(ordinal), position);
    const isTwice = position < newer!.start;
    equal(newer!.isCanonical(ordinal), !isTwice);
    deepEqual([...index.copiesOf(position)], isTwice ? [newer!.start + ordinal] : []);
    equal(index.oidAt(position), oid);
  }
});

Deno.test("CommitGraph knows ancestors as git does", async () => {
  await using source = await GitRepository.create("sha1");
  const roll = dice(14);
  await writeHistory(source, roll, 40);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await pushInSteps(network, repository, roll);
  const { network: index } = await storeOf(network).open(repository);
  const lines = await source.lines(["log", "--all", "--format=%H %ct %T %P"]);
  const nodeOf = (oid: string) => index.nodeAt(index.findOid(oid as Oid));
  for (const line of lines) {
    const [oid, time, tree, ...parents] = line.split(" ");
    const node = nodeOf(oid!);
    const named = parents.filter((parent) => parent !== "");
    equal(index.graph.timeSAt(node), Number(time));
    equal(index.oidAt(index.graph.treeAt(node)), tree);
    deepEqual([...index.graph.parentsAt(node)], named.map(nodeOf));
    const highest = Math.max(0, ...named.map((parent) => index.graph.generationAt(nodeOf(parent))));
    equal(index.graph.generationAt(node), highest + 1);
  }
  const commits = lines.map((line) => line.split(" ")[0]!);
  for (let round = 0; round < 25; round++) {
    const [a, b] = [commits[roll(commits.length)]!, commits[roll(commits.length)]!];
    const { code } = await source.try(["merge-base", "--is-ancestor", a, b]);
    equal(await index.graph.isAncestor(nodeOf(a), [nodeOf(b)], new Slices()), code === 0);
  }
});

Deno.test("NetworkIndex.adding() shows a group as a whole or not at all", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(5), 40);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await network.push(repository, { "refs/heads/b0": "b0~1" });
  // A pusher who knows nothing sends everything again.
  await network.push(repository, { "refs/heads/b0": "b0" }, { known: [] });
  const { network: whole } = await storeOf(network).open(repository);
  const [first, second] = whole.groups;
  const index = new NetworkIndex("sha1");
  for (const _ of index.adding(first!.group, first!.index)) continue;
  const size = index.size;
  const lookAround = (groupCount: number) => {
    equal(index.groups.length, groupCount);
    for (let ordinal = 0; ordinal < second!.index.objectCount; ordinal++) {
      const position = index.findOid(second!.index.oidAt(ordinal));
      if (position === NONE) continue;
      ok(groupCount === 2 || position < size);
      for (const copy of index.copiesOf(position)) ok(index.groupAt(copy).end > copy);
    }
  };
  let steps = 0;
  for (const _ of index.adding(second!.group, second!.index)) {
    steps++;
    lookAround(1);
  }
  ok(steps > 2);
  lookAround(2);
  equal([...index.copiesOf(index.findOid(await source.oid("b0~1")))].length, 1);
});
