/**
 * A cluster of real processes under real git clients that never pause, while one process after the
 * other is killed or stopped. No clone may fail, no acknowledged push may be lost, and writes have to
 * work again within a bound.
 *
 * `GITSTRATUM_CLUSTER_KILLS=50` kills so many primaries of partitions besides, in as many clusters as it
 * takes: a node that dies a third time within ten minutes is waited for longer, on purpose.
 */

import assert from "node:assert/strict";
import { partitionOf } from "@gitstratum/core/ring";
import { MetadataClient, type RepositoryInfo } from "@gitstratum/core/rpc";
import { hasCode } from "@gitstratum/core";
import { git } from "../harness/git.ts";
import type { NodeProcess } from "../harness/node_process.ts";
import {
  assertHealthy,
  assertNothingLost,
  killAndRestart,
  primaryOf,
  PROGRESS_COUNT,
  repositoryOf,
  signed,
  startWorld,
  type World,
} from "./world.ts";

/** Questions that wait at a stopped primary when it goes on. */
const QUESTION_COUNT = 16;
/** Kills of one node before its suspicions are drawn out. */
const UNDAMPED_KILL_COUNT = 2;

const killCount = Number(Deno.env.get("GITSTRATUM_CLUSTER_KILLS") ?? 0);

/** Holds what a former primary said against what was acknowledged meanwhile. */
async function assertNothingOld(
  world: World,
  answers: readonly (string | undefined)[],
  newest: string,
): Promise<void> {
  for (const answer of answers) {
    if (answer === undefined) continue;
    await git(["-C", `${world.temp.path}/work`, "merge-base", "--is-ancestor", newest, answer]);
  }
}

/** What the node says about the reference; undefined when it says that it can not. */
async function ask(
  world: World,
  node: NodeProcess,
  repository: RepositoryInfo,
): Promise<string | undefined> {
  const metadata = new MetadataClient(signed(world.cluster), { baseUrl: node.url });
  try {
    const listing = await metadata.listReferences(repository, { prefixes: ["refs/heads/main"] });
    const oids: string[] = [];
    for await (const batch of listing.references) oids.push(...batch.map(({ oid }) => oid));
    return oids.join();
  } catch (error) {
    // Another error would mean that the question was none, and the test shows nothing.
    if (hasCode(error, "unavailable") && error.message !== "Reach a service") return undefined;
    throw error;
  }
}

Deno.test("a cluster serves on while any of its processes dies", async (t) => {
  await using world = await startWorld({ canCut: true, hasRaces: true });
  const { cluster, traffic, away } = world;
  const repository = await repositoryOf(world);
  const partition = partitionOf(repository.networkId);

  await t.step("the primary of a partition is killed", async () => {
    const primary = await primaryOf(cluster, partition);
    const writableMs = await killAndRestart(world, primary);
    assertHealthy(world, writableMs);
    console.log(`writes worked again after ${Math.round(writableMs)} ms`);
  });

  await t.step("a stopped primary goes on and answers nothing old", async () => {
    const old = await primaryOf(cluster, partition);
    old.signal("SIGSTOP");
    const before = traffic.acknowledged;
    const asked = Array.from({ length: QUESTION_COUNT }, () => ask(world, old, repository));
    await traffic.progress(PROGRESS_COUNT);
    const stoppedFor = traffic.acknowledged;
    assert.notEqual(stoppedFor, before);
    old.signal("SIGCONT");
    await assertNothingOld(world, await Promise.all(asked), stoppedFor);
    assertHealthy(world);
    await cluster.settled();
  });

  await t.step("a primary that is cut off from etcd answers nothing old", async () => {
    const old = await primaryOf(cluster, partition);
    const cutMs = performance.now();
    cluster.cut(old.id, ["etcd"]);
    await traffic.progress(PROGRESS_COUNT);
    assertHealthy(world, traffic.writableAfterMs(cutMs));
    const newest = traffic.acknowledged;
    const asked = Array.from({ length: QUESTION_COUNT }, () => ask(world, old, repository));
    const answers = await Promise.all(asked);
    cluster.mend();
    await assertNothingOld(world, answers, newest);
    await traffic.progress(PROGRESS_COUNT);
    await cluster.settled();
  });

  await t.step("an object node is killed", async () => {
    assertHealthy(world, await killAndRestart(world, cluster.object[0]!));
  });

  await t.step("all control nodes are killed, and clients go on", async () => {
    await Promise.all(cluster.control.map((node) => node.kill()));
    await traffic.progress(PROGRESS_COUNT);
    await Promise.all(cluster.control.map((node) => node.start()));
    assertHealthy(world);
    await cluster.settled();
  });

  await t.step("the leader of etcd is killed", async () => {
    const leader = await cluster.etcd.leader();
    const killedMs = performance.now();
    await leader.kill();
    await traffic.progress(PROGRESS_COUNT);
    await leader.start();
    await cluster.settled();
    assertHealthy(world, traffic.writableAfterMs(killedMs));
  });

  await t.step("a frontend is killed, and its clients go to another", async () => {
    const frontend = cluster.frontends[0]!;
    away.add(frontend);
    // Clients that were at it when it died see that; those that come later do not.
    await traffic.progress(PROGRESS_COUNT);
    await killAndRestart(world, frontend);
    away.delete(frontend);
    assertHealthy(world);
  });

  await t.step("nodes end in order on SIGTERM, and come back", async () => {
    for (const node of [cluster.object[1]!, cluster.metadata[1]!, cluster.control[1]!]) {
      assert.equal(await node.stop(), 0, node.log);
      await traffic.progress(1);
      await node.start();
      await cluster.settled();
    }
    assertHealthy(world);
  });

  await assertNothingLost(world);
});

/** Kills primaries in a new cluster until damping would begin; tells how long nobody could push. */
async function killPrimaries(count: number): Promise<number[]> {
  await using world = await startWorld();
  const repository = await repositoryOf(world);
  const kills = new Map<NodeProcess, number>();
  const times: number[] = [];
  while (times.length < count) {
    const primary = await primaryOf(world.cluster, partitionOf(repository.networkId));
    const before = kills.get(primary) ?? 0;
    if (before === UNDAMPED_KILL_COUNT) break;
    kills.set(primary, before + 1);
    times.push(await killAndRestart(world, primary));
    assertHealthy(world, times.at(-1)!);
  }
  return times;
}

Deno.test({
  name: "writes work again within a bound after many kills of primaries",
  ignore: killCount === 0,
  async fn() {
    const times: number[] = [];
    while (times.length < killCount) times.push(...await killPrimaries(killCount - times.length));
    const sorted = times.map(Math.round).toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
    console.log(
      `${sorted.length} kills: median ${at(0.5)}, p99 ${at(0.99)} ms; ${sorted.join(" ")}`,
    );
  },
});
