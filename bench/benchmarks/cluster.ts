/**
 * A cluster beside all in one process, on the same machine: what the network between nodes and the
 * copies cost, and what a second frontend brings.
 *
 * The cluster's processes share the machine's cores with each other and with the client, so its wall
 * times say little about machines of their own; processor time per clone does.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { clonedPack, rawClone } from "../load/clone.ts";
import { exchangeFile, parseAnswer } from "../load/http_exchange.ts";
import { preparePushes, PUSH_HEADERS, requirePushed } from "../load/push_request.ts";
import { ratioAtLeast, ratioAtMost } from "../results/row.ts";
import { MeteredCluster } from "../servers/metered_cluster.ts";
import {
  measure,
  medianByWall,
  type MeteredServer,
  percentile,
} from "../servers/metered_server.ts";
import { headCommit, type Source } from "../sources/source.ts";
import { answerBuffer } from "../stage.ts";
import { verify } from "../verify.ts";
import { type CloneCost, cloneOnce } from "./clone_costs.ts";
import { rootTree } from "./root_tree.ts";
import { pushEach, requireLast } from "./small_push.ts";

const ALONE = "all in one process";

/** Pushes a whole source into a new repository of the cluster; answers its path. */
async function pushSource(cluster: MeteredCluster, source: Source): Promise<string> {
  const repository = `bench/${source.label}`;
  await cluster.createRepository(repository);
  const path = cluster.path(repository);
  const answer = await exchangeFile(cluster.address, {
    method: "POST",
    path: `${path}/git-receive-pack`,
    headers: PUSH_HEADERS,
    file: source.pushFile,
  });
  requirePushed(parseAnswer(answer), source.references.size);
  return path;
}

/** Milliseconds of a push of one commit, the one in the middle of many. */
async function pushMs(
  context: BenchContext,
  source: Source,
  to: { readonly server: MeteredServer; readonly path: string },
): Promise<number> {
  const pushes = preparePushes({ parent: headCommit(source), tree: await rootTree(source) }, {
    reference: "refs/heads/bench-cluster",
    count: context.sizes.samples,
    label: "cluster",
  });
  const aimed = pushes.map((push) => ({ path: to.path, push }));
  const times = await pushEach(to.server.address, aimed);
  await requireLast(to.server.address, aimed);
  return percentile(times, 0.5);
}

/** First clones, each by a server that was started anew. */
async function firstClones(
  context: BenchContext,
  source: Source,
  start: () => Promise<AsyncDisposable & { readonly server: MeteredServer; readonly path: string }>,
): Promise<CloneCost> {
  const options = { wish: {}, buffer: answerBuffer(source) };
  const costs: CloneCost[] = [];
  for (let round = 0; round < context.sizes.repetitions; round++) {
    await using started = await start();
    costs.push(await cloneOnce(started.server, started.path, options));
  }
  // More than the source's where another benchmark of the run has pushed commits besides.
  for (const { objectCount } of costs) verify(objectCount >= source.objectCount, "objects");
  return medianByWall(costs);
}

/** What many clones of one kind cost together. */
interface Load {
  readonly clonesPerSecond: number;
  readonly cpuSecondsPerClone: number;
}

/** Clones again and again at some frontends, as many times and by as many clients however many. */
async function cloneAgain(
  context: BenchContext,
  source: Source,
  at: {
    readonly frontends: readonly MeteredCluster[];
    readonly path: string;
    readonly objectCount: number;
  },
): Promise<Load> {
  const { frontends, path } = at;
  const clients = frontends.map(() => answerBuffer(source));
  const each = context.sizes.samples;
  const { wallSeconds, cpuSeconds } = await measure(
    frontends[0]!,
    () =>
      Promise.all(clients.map(async (buffer, client) => {
        const target = { address: frontends[client]!.address, path };
        for (let round = 0; round < each; round++) {
          const { objectCount } = clonedPack(await rawClone(target, {}, buffer));
          verify(objectCount === at.objectCount, "objects of a cached clone");
        }
      })),
  );
  const count = clients.length * each;
  return { clonesPerSecond: count / wallSeconds, cpuSecondsPerClone: cpuSeconds / count };
}

async function comparePushes(context: BenchContext, cluster: MeteredCluster): Promise<void> {
  const [source] = await context.stage.sources();
  const path = await pushSource(cluster, source!);
  const ours = await pushMs(context, source!, { server: cluster, path });
  const alone = await context.stage.startOurs(source!);
  await using _ = alone.server;
  const rows = new RowWriter(context, {
    benchmark: clusterBesideOne.name,
    repository: source!.label,
  });
  rows.add("push of one commit, p50", {
    unit: "ms",
    ours,
    peer: [ALONE, await pushMs(context, source!, alone)],
    target: ratioAtMost(2.5),
  });
}

async function compareClones(context: BenchContext, cluster: MeteredCluster): Promise<void> {
  const source = await context.stage.large();
  const path = await pushSource(cluster, source);
  const ours = await firstClones(context, source, async () => {
    await cluster.restartFrontend();
    return { server: cluster, path, [Symbol.asyncDispose]: () => Promise.resolve() };
  });
  const alone = await firstClones(context, source, async () => {
    const started = await context.stage.startOurs(source);
    return { ...started, [Symbol.asyncDispose]: () => started.server[Symbol.asyncDispose]() };
  });
  const rows = new RowWriter(context, {
    benchmark: clusterBesideOne.name,
    repository: source.label,
  });
  rows.add("first clone: throughput", {
    unit: "bytes/s",
    ours: ours.answerBytes / ours.wallSeconds,
    peer: [ALONE, alone.answerBytes / alone.wallSeconds],
    target: ratioAtLeast(0.5),
  });
  rows.add("first clone: CPU of all nodes", {
    unit: "s",
    ours: ours.cpuSeconds,
    peer: [ALONE, alone.cpuSeconds],
  });
}

async function addFrontend(context: BenchContext, cluster: MeteredCluster): Promise<void> {
  const [source] = await context.stage.sources();
  const path = cluster.path(`bench/${source!.label}`);
  const frontends = [cluster, cluster.at(1)];
  // More than the source's: commits were pushed besides.
  let objectCount = 0;
  // The first clone makes the pack and the second one may yet store it: the third one is cached.
  for (const each of frontends) {
    const wish = { wish: {}, buffer: answerBuffer(source!) };
    for (let round = 0; round < 3; round++) {
      ({ objectCount } = await cloneOnce(each, path, wish));
    }
  }
  verify(objectCount > source!.objectCount, "objects of a clone after pushes");
  const target = { path, objectCount };
  const [first] = frontends as [MeteredCluster];
  const one = await cloneAgain(context, source!, { frontends: [first], ...target });
  const two = await cloneAgain(context, source!, { frontends, ...target });
  const rows = new RowWriter(context, {
    benchmark: clusterBesideOne.name,
    repository: source!.label,
  });
  rows.add("cached clones, two frontends", {
    unit: "1/s",
    ours: two.clonesPerSecond,
    peer: ["one frontend", one.clonesPerSecond],
  });
  rows.add("CPU of all nodes for a cached clone, two frontends", {
    unit: "s",
    ours: two.cpuSecondsPerClone,
    peer: ["one frontend", one.cpuSecondsPerClone],
    target: ratioAtMost(1.1),
  });
}

/** See the module's text. */
export const clusterBesideOne: Benchmark = {
  name: "cluster",
  title: "A cluster beside all in one process",
  async run(context) {
    await using cluster = await MeteredCluster.start(context.sizes.clusterNodes);
    await comparePushes(context, cluster);
    await compareClones(context, cluster);
    await addFrontend(context, cluster);
  },
};
