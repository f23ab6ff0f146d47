/**
 * A cluster of real processes under real git clients that never pause, and what has to hold of it at
 * any time and at the end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { partitionOf } from "@gitstratum/core/ring";
import {
  type Fetcher,
  MetadataClient,
  parseNodeId,
  parseRepositoryName,
  type RepositoryInfo,
  signingFetcher,
  type Topology,
  TopologyClient,
} from "@gitstratum/core/rpc";
import { systemClock, systemRandom } from "@gitstratum/core";
import { git, gitText } from "../harness/git.ts";
import { LocalCluster, type LocalClusterOptions } from "../harness/local_cluster.ts";
import { type NodeProcess, runProgram } from "../harness/node_process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../harness/temp.ts";
import { Races } from "./races.ts";
import { checkClone, Traffic } from "./traffic.ts";

/** The target on a machine of its own is 10 s; a shared one with two processors gets more. */
const WRITABLE_MS_MAX = 20_000;
/** Pushes and clones that have to succeed after each fault. */
export const PROGRESS_COUNT = 2;
/** A silent node is given up after 6 s, copies are made good in the background. */
const EVENTUALLY_MS_MAX = 90_000;
const POLL_MS = 500;

/** A cluster under traffic. */
export interface World extends AsyncDisposable {
  readonly cluster: LocalCluster;
  readonly traffic: Traffic;
  readonly races: Races | undefined;
  readonly temp: TemporaryDirectory;
  /** Frontends that clients know to be away. */
  readonly away: Set<NodeProcess>;
}

/** How a world is made. */
export interface WorldOptions extends LocalClusterOptions {
  /** Whether clients race for branches besides. */
  readonly hasRaces?: boolean;
}

/** Starts a cluster and its clients; resolves when they have made some progress. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const cluster = await LocalCluster.start(options);
  const temp = await temporaryDirectory();
  const away = new Set<NodeProcess>();
  const pick = (repository: string, attempt: number) => {
    const present = cluster.frontends.filter((frontend) => !away.has(frontend));
    return `${present[attempt % present.length]!.url}/${repository}.git`;
  };
  const traffic = await Traffic.start("acme/widget", { directory: temp.path, pick });
  const races = options.hasRaces
    ? Races.start(traffic.repository, { work: traffic.work, pick })
    : undefined;
  await traffic.progress(PROGRESS_COUNT);
  await cluster.settled();
  return {
    cluster,
    traffic,
    races,
    temp,
    away,
    async [Symbol.asyncDispose]() {
      await Promise.all([traffic.stop(), races?.stop()]);
      await cluster[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** Calls nodes as one of them. */
export function signed(cluster: LocalCluster): Fetcher {
  const secret = Deno.readTextFileSync(cluster.directory.join("secret")).trim();
  const parts = { secret, clock: systemClock, random: systemRandom, nodeId: parseNodeId("tester") };
  return signingFetcher(fetch, parts);
}

/** What the control plane says. */
export async function topologyOf(cluster: LocalCluster): Promise<Topology> {
  for (const { isRunning, url } of cluster.control) {
    if (isRunning) return await new TopologyClient(signed(cluster), { baseUrl: url }).topology();
  }
  throw new Error("No control node runs");
}

/** Resolves when the control plane has given a node up. */
export async function isDown(cluster: LocalCluster, id: string): Promise<void> {
  await eventually(`${id} is given up`, async () => {
    const { nodes } = await topologyOf(cluster);
    return nodes.find((node) => node.id === id)?.state === "down";
  });
}

/** Resolves when another control node than this one is elected. */
export async function successorOf(cluster: LocalCluster, id: string): Promise<void> {
  await eventually(`another controller than ${id} is elected`, async () => {
    const others = cluster.control.filter((node) => node.id !== id && node.isRunning);
    const facts = await Promise.all(others.map((node) => node.readiness()));
    return facts.some(({ elected }) => elected === true);
  });
}

/** Resolves when something has come about of which nobody tells. */
export async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + EVENTUALLY_MS_MAX;
  while (!await isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`It does not come about that ${what}`);
    // The control plane tells nodes, not tests: all there is to wait for is another answer.
    await systemClock.sleep(POLL_MS);
  }
}

/** Who is primary of a partition. */
export async function primaryOf(cluster: LocalCluster, partition: number): Promise<NodeProcess> {
  const { partitions } = await topologyOf(cluster);
  const id = partitions[partition]?.primary;
  const node = cluster.metadata.find((each) => each.id === id);
  assert.ok(node !== undefined, `Partition ${partition} has the primary ${id}`);
  return node;
}

/** The repository that clients use. */
export async function repositoryOf({ cluster, traffic }: World): Promise<RepositoryInfo> {
  const name = parseRepositoryName(traffic.repository);
  const { url } = await primaryOf(cluster, partitionOf(name));
  const found = await new MetadataClient(signed(cluster), { baseUrl: url }).findRepository(name);
  assert.ok(found !== undefined);
  return found;
}

/** Kills nodes at one time, lets clients go on, brings them back; tells how long nobody could push. */
export async function killAndRestart(
  world: World,
  ...nodes: readonly { kill(): Promise<void>; start(): Promise<void> }[]
): Promise<number> {
  const killedMs = performance.now();
  await Promise.all(nodes.map((node) => node.kill()));
  await world.traffic.progress(PROGRESS_COUNT);
  await Promise.all(nodes.map((node) => node.start()));
  await world.cluster.settled();
  return world.traffic.writableAfterMs(killedMs);
}

/** No clone failed so far, and writes worked again within the bound. */
export function assertHealthy({ traffic, cluster }: World, writableMs = 0): void {
  assert.deepEqual(traffic.faults, [], cluster.describe());
  assert.ok(writableMs <= WRITABLE_MS_MAX, `Writes worked again after ${writableMs} ms`);
}

/**
 * Ends the traffic: every frontend shows what was acknowledged, a clone of each passes git's checks, no
 * race was won twice, and all object nodes hold the same.
 */
export async function assertNothingLost(world: World): Promise<void> {
  const { cluster, traffic, races, temp } = world;
  await Promise.all([traffic.stop(), races?.stop()]);
  let raceCount = 0;
  for (const [index] of cluster.frontends.entries()) {
    const url = cluster.url(traffic.repository, index);
    const path = temp.join(`last-${index}`);
    await git(["clone", "-q", "--bare", url, path]);
    await checkClone(path, traffic.acknowledged);
    const head = await gitText(["ls-remote", url, "refs/heads/main"]);
    assert.ok(head.startsWith(traffic.acknowledged), `${head} is not ${traffic.acknowledged}`);
    raceCount = await races?.check(url) ?? 0;
  }
  await assertAlike(cluster);
  assertHealthy(world);
  console.log(
    `${traffic.pushes.length} pushes, ${traffic.failedPushCount} tried again, ` +
      `${traffic.clones.length} clones, none failed, ${raceCount} races`,
  );
}

/** With as many object nodes as copies, all of them hold all extents, byte for byte. */
export async function assertAlike(cluster: LocalCluster): Promise<void> {
  const [first, ...others] = cluster.object;
  for (const other of others) {
    const pair = ["--first", first!.id, "--second", other.id, "--content"];
    let report = "";
    await eventually(`${other.id} is like ${first!.id}`, async () => {
      const flags = [...cluster.operatorFlags, ...pair];
      const { success, text } = await runProgram("object/compare", flags);
      report = text;
      return success;
    }).catch((cause) => {
      throw new Error(report, { cause });
    });
  }
}
