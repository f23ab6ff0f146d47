/**
 * One address floods the server while others work: they must hardly notice.
 *
 * The flood comes over IPv6's loopback and the others over IPv4's, so they are two addresses. Two things
 * hold on every machine, however busy, because being busy makes both of them less: what the flood gets
 * (each refusal is told a second late, so its connections get no more than that allows) and the
 * processor time that it takes from the server. Where they hold, little is ahead of anybody else.
 *
 * What others wait is compared with what they wait at a second server, which nobody floods: each request
 * goes to both, one after the other, so that whatever else the machine does meets both alike. The 99th
 * percentiles are of all rounds together, beyond {@link SLACK_MS}, because one slow moment is a large
 * ratio where a request takes a millisecond. A round in which the quiet server was slow says nothing: a
 * process that gets no processor when it needs it is slow by as much as it has to do.
 */

import assert from "node:assert/strict";
import { REFUSAL_DELAY_MS } from "@gitstratum/core";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import type { FloodOrder, FloodStatuses } from "./flood_worker.ts";

/** Connections of the flood; each asks again as soon as it is answered. */
const FLOOD_CONNECTIONS = 64;
const REQUESTS_PER_ROUND = 100;
const PAUSE_MS = 25;
const SLACK_MS = 25;
const RATIO_MAX = 2;
const ROUND_COUNT_MAX = 6;
/** A round of slow requests ends early. */
const ROUND_MS_MAX = 20_000;
/** A quiet server answers in a few milliseconds, unless the machine has no time for it. */
const BUSY_MS = 10;
/** Rounds on a busy machine after which no other will tell more. */
const BUSY_COUNT_MAX = 2;
/** What a flood may take of one processor; it takes a twentieth where it is held back. */
const SHARE_MAX = 0.25;
/** Of the times in `/proc`. */
const TICKS_PER_SECOND = 100;
/** What one address may ask, and at once. */
const PER_SECOND = 50;
/** The rate of a cluster holds within ten per cent. */
const RATE_SLACK = 1.1;
const PATH = "acme/tools.git/info/refs?service=git-upload-pack";

/** A flood that goes on until it is stopped; the stop answers how many answers came, by status. */
function flood(url: string): () => Promise<FloodStatuses> {
  const worker = new Worker(new URL("./flood_worker.ts", import.meta.url), { type: "module" });
  const ended = new Promise<FloodStatuses>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FloodStatuses>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
  const order: FloodOrder = { url, connections: FLOOD_CONNECTIONS };
  worker.postMessage(order);
  return async () => {
    worker.postMessage("stop");
    return await ended.finally(() => worker.terminate());
  };
}

/** The 99th percentile of times. */
function p99(times: readonly number[]): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.floor(sorted.length * 0.99) - 1)]!;
}

/** What the same request takes at each of some servers, in milliseconds; each is asked in turn. */
async function work(urls: readonly string[]): Promise<readonly (readonly number[])[]> {
  const times = urls.map((): number[] => []);
  const endMs = performance.now() + ROUND_MS_MAX;
  for (let count = 0; count < REQUESTS_PER_ROUND && performance.now() < endMs; count++) {
    for (const [index, url] of urls.entries()) {
      const startMs = performance.now();
      const response = await fetch(url);
      await response.text();
      assert.equal(response.status, 200);
      times[index]!.push(performance.now() - startMs);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return times;
}

/** A server with a repository, and where to ask it. */
interface Stage {
  readonly server: GitStratumServer;
  urlAt(host: string): string;
}

async function start(): Promise<Stage> {
  const flags = ["--http", "[::]:0", "--insecure-open-access", "--auto-create"];
  const limits = ["--rate-address", `${PER_SECOND}/s:${PER_SECOND}`];
  const server = await GitStratumServer.start({ flags: [...flags, ...limits] });
  const { port } = new URL(server.origin);
  const made = await fetch(`http://127.0.0.1:${port}/api/v1/repos`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "acme/tools" }),
  });
  await made.body?.cancel();
  assert.equal(made.status, 201);
  return { server, urlAt: (host: string) => `http://${host}:${port}/${PATH}` };
}

/** Processor time of a process so far, in seconds. */
async function processorSeconds({ pid }: GitStratumServer): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name of the program stands in parentheses; user and system time are the 12th and 13th behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

interface Round {
  readonly quietMs: readonly number[];
  readonly floodedMs: readonly number[];
}

/** One round of work beside a flood, with what the flood got. */
async function roundOf(quiet: Stage, flooded: Stage): Promise<Round> {
  const servers = [quiet, flooded];
  const before = await Promise.all(servers.map(({ server }) => processorSeconds(server)));
  const startMs = performance.now();
  const stop = flood(flooded.urlAt("[::1]"));
  const times = await work(servers.map(({ urlAt }) => urlAt("127.0.0.1")));
  const statuses = await stop();
  const seconds = (performance.now() - startMs) / 1000;
  const [quietS, floodedS] = await Promise.all(
    servers.map(async ({ server }, index) => await processorSeconds(server) - before[index]!),
  );
  const refused = statuses.get(429) ?? 0;
  assert.ok(refused > 0, "the flood is refused");
  const refusedMax = FLOOD_CONNECTIONS * (seconds * 1000 / REFUSAL_DELAY_MS + 1);
  assert.ok(refused <= refusedMax, `${refused} refusals, at most ${refusedMax}`);
  const takenMax = PER_SECOND * (seconds + 2) * RATE_SLACK;
  assert.ok((statuses.get(200) ?? 0) <= takenMax, `${statuses.get(200)} let in, of ${takenMax}`);
  const share = (floodedS! - quietS!) / seconds;
  assert.ok(share <= SHARE_MAX, `the flood takes ${share.toFixed(2)} of a processor`);
  return { quietMs: times[0]!, floodedMs: times[1]! };
}

Deno.test("others hardly notice an address that floods the server", async () => {
  const [quiet, flooded] = [await start(), await start()];
  await using _quiet = quiet.server;
  await using _flooded = flooded.server;
  await work([quiet, flooded].map(({ urlAt }) => urlAt("127.0.0.1")));
  const [alone, beside]: [number[], number[]] = [[], []];
  const ratio = () => (p99(beside) + SLACK_MS) / (p99(alone) + SLACK_MS);
  let busyCount = 0;
  for (let round = 0; round < ROUND_COUNT_MAX && busyCount < BUSY_COUNT_MAX; round++) {
    const { quietMs, floodedMs } = await roundOf(quiet, flooded);
    if (p99(quietMs) > BUSY_MS) {
      busyCount++;
      continue;
    }
    alone.push(...quietMs);
    beside.push(...floodedMs);
    if (ratio() <= RATIO_MAX) return;
  }
  // A machine that was too busy for a judgement of times has shown what it can.
  if (busyCount === BUSY_COUNT_MAX) return;
  const told = `${p99(alone).toFixed(1)} ms alone, ${p99(beside).toFixed(1)} ms in the flood`;
  assert.fail(`p99 within ${RATIO_MAX} times: ${told}`);
});
