/**
 * Several metadata nodes behind one {@link RoutedMetadata}.
 */

import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { partitionOf } from "@gitstratum/core/ring";
import {
  newRepositoryId,
  type NodeId,
  parseRepositoryName,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { systemRandom } from "@gitstratum/core";
import { command, pushRequest, reasons } from "./testing/test_node.ts";
import { spread, TestCluster } from "./testing/test_cluster.ts";

const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);
const MAIN = "refs/heads/main";

/** A repository whose network's partition has node `id` as its primary. */
async function createAt(cluster: TestCluster, id: string): Promise<RepositoryInfo> {
  for (let number = 0;; number++) {
    const info = await cluster.create(`at-${id}/n${number}`);
    const { primary } = cluster.topology.current().partitions[partitionOf(info.networkId)]!;
    if (primary === id) return info;
  }
}

async function pushed(cluster: TestCluster, key: RepositoryInfo, name: string) {
  const { oid, result } = await cluster.pushNew(key, name);
  deepEqual(reasons(await cluster.during(result)), [undefined]);
  return oid;
}

Deno.test("RoutedMetadata creates, pushes, lists and deletes across nodes", async () => {
  await using cluster = await TestCluster.start();
  const infos: RepositoryInfo[] = [];
  for (let number = 0; number < 12; number++) infos.push(await cluster.create(`o/n${number}`));
  const primaries = new Set(infos.map(({ networkId }) => partitionOf(networkId) % 3));
  equal(primaries.size, 3, "repositories lie on all nodes");
  for (const info of infos) {
    deepEqual(await cluster.during(cluster.metadata.findRepository(info.name)), info);
    const oid = await pushed(cluster, info, MAIN);
    deepEqual(await cluster.references(info), [{ name: MAIN, oid }]);
  }
  const names = infos.map(({ name }) => name).sort();
  const page = async (after?: RepositoryInfo["name"]) =>
    (await cluster.during(
      cluster.metadata.listRepositories({ limit: 5, ...(after === undefined ? {} : { after }) }),
    )).map(({ name }) => name);
  deepEqual(await page(), names.slice(0, 5));
  deepEqual(await page(names[4]), names.slice(5, 10));
  deepEqual(await page(names[9]), names.slice(10));

  const [first] = infos as [RepositoryInfo];
  await cluster.during(cluster.metadata.deleteRepository(first));
  equal(await cluster.during(cluster.metadata.findRepository(first.name)), undefined);
  equal((await page()).includes(first.name), false);
  await rejects(cluster.references(first), is("not-found"));
  await rejects(cluster.during(cluster.metadata.deleteRepository(first)), is("not-found"));
  await rejects(cluster.create(infos[1]!.name), is("already-exists"));
  notEqual((await cluster.create(first.name)).repositoryId, first.repositoryId);
});

Deno.test("a node answers only for partitions of which it is the primary", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  await pushed(cluster, info, MAIN);
  equal((await cluster.references(info, cluster.at("a"))).length, 1);
  for (const id of ["b", "c"]) {
    await rejects(cluster.references(info, cluster.at(id)), is("unavailable"));
    const { result } = await cluster.pushNew(info, "refs/heads/x", cluster.at(id));
    await rejects(result, is("unavailable"));
    await rejects(cluster.at(id).listRepositories({ limit: 9 }), is("unavailable"));
  }
});

Deno.test("calls that meet a dead primary succeed once another one has its partitions", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const before = await pushed(cluster, info, MAIN);
  cluster.kill("a");
  const { oid, result } = await cluster.pushNew(info, "refs/heads/after");
  // Names are tried until one falls to "a": any number of them.
  const listing = cluster.metadata.listRepositories({ limit: 1000 });
  await cluster.clock.advance(9000);
  cluster.replace("a");
  deepEqual(reasons(await cluster.during(result)), [undefined]);
  ok((await cluster.during(listing)).some(({ name }) => name === info.name));
  deepEqual(await cluster.references(info), [
    { name: "refs/heads/after", oid },
    { name: MAIN, oid: before },
  ]);
  await cluster.create("o/created-without-a");

  await cluster.during(cluster.restart("a"));
  cluster.assign(spread);
  equal((await cluster.references(info)).length, 2);
  equal((await cluster.references(info, cluster.at("a"))).length, 2);
});

Deno.test("calls give up when no primary comes", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  cluster.kill("a");
  const startMs = cluster.clock.monotonicMs();
  await rejects(cluster.references(info), is("unavailable"));
  const waitedMs = cluster.clock.monotonicMs() - startMs;
  ok(waitedMs >= 20_000 && waitedMs < 25_000, `${waitedMs}`);
});

Deno.test("calls leave a primary that hangs when another one has its partitions", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  cluster.member("a").reach = "hangs";
  const { result } = await cluster.pushNew(info, MAIN);
  await cluster.clock.advance(9000);
  cluster.replace("a");
  deepEqual(reasons(await cluster.during(result)), [undefined]);
});

Deno.test("answers that break off are asked for anew", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const oid = await pushed(cluster, info, MAIN);
  cluster.member("a").reach = "breaks";
  const listing = cluster.references(info);
  const question = { wants: [oid], haves: [], clientShallow: [] };
  const recipe = cluster.during(
    cluster.metadata.plan(info, { ...question, thinPack: true, ofsDelta: true, includeTag: false }),
  );
  const { result } = await cluster.pushNew(info, "refs/heads/next");
  await cluster.clock.advance(3000);
  cluster.replace("a");
  deepEqual(reasons(await cluster.during(result)), [undefined]);
  ok((await listing).some((reference) => reference.oid === oid));
  let steps = 0;
  for await (const _ of (await recipe).steps) steps++;
  ok(steps > 0);
});

Deno.test("long listings go on at the next primary when theirs dies half-way", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const oid = await pushed(cluster, info, MAIN);
  const names = Array.from({ length: 20_000 }, (_, number) => `refs/heads/${number}`);
  const commands = names.map((name) => command(name, undefined, oid));
  await cluster.during(cluster.metadata.push(info, pushRequest(commands)));
  cluster.member("a").reach = "dies";
  const listing = cluster.references(info);
  await cluster.clock.advance(3000);
  cluster.kill("a");
  cluster.replace("a");
  deepEqual((await listing).map(({ name }) => name), [MAIN, ...names].sort());
});

Deno.test("nodes answer with the same bytes, so that answers can be resumed elsewhere", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const wants: Oid[] = [];
  for (let n = 0; n < 40; n++) wants.push(await pushed(cluster, info, `refs/heads/${n}`));
  const answers = async (id: string) => {
    const [thinPack, ofsDelta, includeTag] = [true, true, true];
    const question = { wants, haves: [], clientShallow: [], thinPack, ofsDelta, includeTag };
    const streams = [
      await cluster.during(cluster.at(id).openPlan(info, question)),
      await cluster.during(cluster.at(id).openReferences(info, { prefixes: [] })),
    ] as ReadableStream<Uint8Array<ArrayBuffer>>[];
    return await Promise.all(streams.map((stream) => new Response(stream).bytes()));
  };
  const before = await answers("a");
  ok(before.every(({ length }) => length > 1000));
  cluster.kill("a");
  cluster.replace("a");
  const { primary } = cluster.topology.current().partitions[partitionOf(info.networkId)]!;
  deepEqual(await answers(primary!), before);
});

Deno.test("a stale primary neither commits nor answers, whatever it believes", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const before = await pushed(cluster, info, MAIN);
  const stale = cluster.member("a");
  stale.hears = false;
  // It stops between its decision and its append.
  const gate = Promise.withResolvers<void>();
  stale.log.gate = gate.promise;
  const { result } = await cluster.pushNew(info, "refs/heads/late", cluster.at("a"));
  const late = rejects(cluster.during(result), is("unavailable"));
  for (const { appendCount } = stale.log; stale.log.appendCount === appendCount;) {
    await cluster.clock.advance(1);
  }
  cluster.replace("a");
  const after = await pushed(cluster, info, "refs/heads/young");
  gate.resolve();
  await late;
  await rejects(cluster.references(info, cluster.at("a")), is("unavailable"));
  const found = cluster.during(cluster.at("a").findRepository(info.name));
  await rejects(found, is("unavailable"));
  deepEqual(await cluster.references(info), [
    { name: MAIN, oid: before },
    { name: "refs/heads/young", oid: after },
  ]);
});

Deno.test("an answer that was computed under a claim is not sent after its end", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const oid = await pushed(cluster, info, MAIN);
  const question = { wants: [oid], haves: [], clientShallow: [] };
  deepEqual((await cluster.at("a").negotiate(info, question)).refused, []);
  // What was pushed is in memory; a process that has just started reads it when it is asked.
  await cluster.restart("a");
  equal((await cluster.references(info)).length, 1);
  let readCount = 0;
  const read = cluster.extents.read;
  // The objects are read while the process is paused for longer than its lease.
  cluster.extents.read = function (...args) {
    readCount++;
    cluster.claims.lapse("a" as NodeId);
    return read.apply(this, args);
  };
  await rejects(cluster.at("a").negotiate(info, question), is("unavailable"));
  notEqual(readCount, 0);
});

Deno.test("followers take over without reading what they followed", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  for (let number = 0; number < 5; number++) await pushed(cluster, info, `refs/heads/b${number}`);
  const partition = partitionOf(info.networkId);
  const { lsn } = await cluster.log.head(partition);
  ok(Number(lsn) >= 6);
  await cluster.clock.advance(1000);
  for (const id of ["b", "c"]) cluster.member(id).log.readCount = 0;
  cluster.kill("a");
  cluster.replace("a");
  equal((await cluster.references(info)).length, 5);
  equal(cluster.member("b").log.readCount + cluster.member("c").log.readCount, 0);
});

Deno.test("createRepository() repeated with its id finds what it did before", async () => {
  await using cluster = await TestCluster.start();
  const request = {
    name: "o/twice" as RepositoryInfo["name"],
    objectFormat: "sha1" as const,
    defaultBranch: "main",
    repositoryId: newRepositoryId(systemRandom),
  };
  const first = await cluster.during(cluster.metadata.createRepository(request));
  cluster.clock.jumpWall(5);
  deepEqual(await cluster.during(cluster.metadata.createRepository(request)), first);
  const other = { ...request, repositoryId: newRepositoryId(systemRandom) };
  await rejects(cluster.during(cluster.metadata.createRepository(other)), is("already-exists"));
});

Deno.test("createRepository() and deleteRepository() survive the loss of a node at any append", async () => {
  for (let step = 1; step <= 4; step++) {
    for (const fault of ["crash-before", "crash-after"] as const) {
      await using cluster = await TestCluster.start();
      const kept = await cluster.create("o/kept");
      let appends = 0;
      for (const { id, log } of cluster.nodes.values()) {
        log.fault = () => {
          if (++appends !== step) return undefined;
          cluster.member(id).reach = "refuses";
          cluster.member(id).hears = false;
          queueMicrotask(() => cluster.replace(id));
          return fault;
        };
      }
      const created = await cluster.create("o/new");
      await cluster.during(cluster.metadata.deleteRepository(kept));
      deepEqual(await cluster.during(cluster.metadata.findRepository(created.name)), created);
      equal(await cluster.during(cluster.metadata.findRepository(kept.name)), undefined);
      await cluster.create("o/kept");
      const listed = await cluster.during(cluster.metadata.listRepositories({ limit: 9 }));
      deepEqual(listed.map(({ name }) => name), ["o/kept", "o/new"]);
    }
  }
});

Deno.test("a planned move hands partitions over without refusing a push", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const pushes: Promise<unknown>[] = [];
  for (let number = 0; number < 40; number++) {
    const { result } = await cluster.pushNew(info, `refs/heads/b${number}`);
    pushes.push(result.then((found) => deepEqual(reasons(found), [undefined])));
    if (number % 10 === 5) {
      const shift = (number - 5) / 10 + 1;
      cluster.assign((partition, ids) =>
        spread(partition, [...ids, ...ids].slice(shift, shift + 3))
      );
    }
  }
  await cluster.during(Promise.all(pushes));
  equal((await cluster.references(info)).length, 40);
});

Deno.test("an emptied node catches up from a snapshot and the tail while others serve", async () => {
  await using cluster = await TestCluster.start({ keepEntryCount: 2 });
  const info = await createAt(cluster, "a");
  const partition = partitionOf(info.networkId);
  cluster.kill("b");
  cluster.claims.expire("b" as NodeId);
  cluster.assign(() => ({ primary: "a" as NodeId, followers: ["c" as NodeId] }));
  for (let number = 0; number < 8; number++) {
    await pushed(cluster, info, `refs/heads/b${number}`);
    await cluster.during(cluster.member("a").node.upkeep());
  }
  const { truncated, lsn } = await cluster.log.head(partition);
  ok(truncated > 4, `${truncated} of ${lsn}`);

  await cluster.during(cluster.restart("b", { lose: true }));
  cluster.assign(spread);
  const late = await pushed(cluster, info, "refs/heads/late");
  await cluster.clock.advance(1000);
  cluster.kill("a");
  cluster.claims.expire("a" as NodeId);
  cluster.assign(() => ({ primary: "b" as NodeId, followers: [] }));
  const found = await cluster.references(info);
  equal(found.length, 9);
  ok(found.some(({ name, oid }) => name === "refs/heads/late" && oid === late));
  equal(cluster.member("b").log.readCount > 0, true);
});

Deno.test("a follower that the truncation overtook starts again from a snapshot", async () => {
  await using cluster = await TestCluster.start({ keepEntryCount: 2 });
  const info = await createAt(cluster, "a");
  await pushed(cluster, info, MAIN);
  // Cut off from the log, but not dead: its tables stay.
  for (const id of ["b", "c"]) cluster.member(id).log.crash();
  for (let number = 0; number < 8; number++) {
    const { result } = await cluster.pushNew(info, `refs/heads/b${number}`, cluster.at("a"));
    await cluster.during(result);
    await cluster.during(cluster.member("a").node.upkeep());
  }
  for (const id of ["b", "c"]) cluster.member(id).log.revive();
  ok((await cluster.log.head(partitionOf(info.networkId))).truncated > 3);
  await cluster.clock.advance(60_000);
  cluster.kill("a");
  cluster.replace("a");
  equal((await cluster.references(info)).length, 9);
});

Deno.test("a partition that can not be opened is unavailable, not empty", async () => {
  await using cluster = await TestCluster.start();
  const info = await createAt(cluster, "a");
  const oid = cluster.objects.commitOf("many");
  const group = await cluster.objects.store(cluster.extents, {
    networkId: info.networkId,
    tips: [oid],
  });
  const commands = Array.from(
    { length: 4000 },
    (_, index) => command(`refs/heads/b${index}`, undefined, oid),
  );
  // Nobody follows, so the next primary has to read the large record itself.
  cluster.assign(() => ({ primary: "a" as NodeId, followers: [] }));
  await cluster.during(cluster.metadata.push(info, pushRequest(commands, { group })));
  const [spilled] = (await cluster.extents.list({ limit: 99 })).filter(({ id }) => id[32] === "l");
  const bytes = await cluster.extents.read(spilled!.id, { offset: 0, length: spilled!.bytes });
  await cluster.extents.remove([spilled!.id]);
  cluster.assign(() => ({ primary: "b" as NodeId, followers: [] }));
  await rejects(cluster.references(info), is("unavailable"));
  await cluster.extents.write(spilled!.owner, [{ id: spilled!.id, bytes }]);
  equal((await cluster.references(info)).length, 4000);
});

Deno.test("new names, forks, deletions and returns survive the loss of a node at any append", async () => {
  for (let step = 1; step <= 14; step += 3) {
    for (const fault of ["crash-before", "crash-after"] as const) {
      await using cluster = await TestCluster.start();
      const { metadata } = cluster;
      const first = await cluster.create("o/first");
      const oid = await pushed(cluster, first, MAIN);
      let appends = 0;
      for (const { id, log } of cluster.nodes.values()) {
        log.fault = () => {
          if (++appends !== step) return undefined;
          cluster.member(id).reach = "refuses";
          cluster.member(id).hears = false;
          queueMicrotask(() => cluster.replace(id));
          return fault;
        };
      }
      const name = parseRepositoryName("p/second");
      const renamed = await cluster.during(
        metadata.renameRepository(first, { from: first.name, name }),
      );
      deepEqual(renamed, { ...first, name });
      const fork = await cluster.during(metadata.forkRepository(first, { name: first.name }));
      await cluster.during(metadata.deleteRepository(first));
      deepEqual(await cluster.during(metadata.restoreRepository(first, {})), renamed);
      deepEqual(await cluster.during(metadata.findRepository(name)), renamed);
      deepEqual(await cluster.during(metadata.findRepository(first.name)), fork);
      deepEqual(await cluster.references(fork), [{ name: MAIN, oid }]);
      await cluster.during(metadata.deleteRepository(first));
      const deleted = await cluster.during(metadata.listDeletedRepositories({ limit: 9 }));
      deepEqual(deleted.map(({ repositoryId }) => repositoryId), [first.repositoryId]);
      await cluster.during(metadata.purgeRepository(first));
      const usage = await cluster.during(metadata.repositoryUsage(fork));
      deepEqual([usage.networkRepositoryCount, usage.broughtBytes], [1, 0]);
      const listed = await cluster.during(metadata.listRepositories({ limit: 9 }));
      deepEqual(listed, [fork]);
      ok(appends > 14, `${appends} appends`);
    }
  }
});
