/**
 * One rate for a whole cluster: three frontends, of which one gets most of the requests, together let
 * through what one would.
 */

import assert from "node:assert/strict";
import { LocalCluster } from "../harness/local_cluster.ts";

const PER_SECOND = 40;
const BURST = 40;
/** Until the bursts of all frontends are spent. */
const WARM_MS = 3000;
const MEASURED_MS = 10_000;
/** On a machine that is busy with other things requests come too late; then another time counts. */
const MEASUREMENT_COUNT_MAX = 4;
/** Clients of each frontend: together they ask several times as often as they may. */
const CLIENTS = [24, 6, 2];

/** Asks over and over for so long; when each request that was let through was answered. */
async function ask(url: string, untilMs: number): Promise<number[]> {
  const passed: number[] = [];
  while (performance.now() < untilMs) {
    const response = await fetch(url);
    await response.body?.cancel();
    if (response.status === 200) passed.push(performance.now());
    else assert.equal(response.status, 429);
  }
  return passed;
}

/** How many requests are let through in the measured time, of all frontends. */
async function countPassed(urls: readonly string[]): Promise<number> {
  const startMs = performance.now() + WARM_MS;
  const endMs = startMs + MEASURED_MS;
  const passed = (await Promise.all(
    CLIENTS.flatMap((count, frontend) =>
      Array.from({ length: count }, () => ask(urls[frontend]!, endMs))
    ),
  )).flat();
  return passed.filter((ms) => ms >= startMs && ms < endMs).length;
}

Deno.test("a rate holds within 10 % over three frontends, whichever are asked", async () => {
  await using cluster = await LocalCluster.start({
    etcdCount: 1,
    controlCount: 3,
    metadataCount: 1,
    objectCount: 3,
    frontendCount: 3,
    frontendFlags: ["--rate-repository", `${PER_SECOND}/s:${BURST}`],
  });
  await cluster.createRepository("acme/tools");
  const urls = CLIENTS.map((_, frontend) =>
    `${cluster.url("acme/tools", frontend)}/info/refs?service=git-upload-pack`
  );
  const wanted = PER_SECOND * MEASURED_MS / 1000;
  const counts: number[] = [];
  do {
    counts.push(await countPassed(urls));
    // Too many is wrong however slow the machine is.
    assert.ok(counts.at(-1)! <= wanted * 1.1, `${counts} of ${wanted}\n${cluster.describe()}`);
  } while (counts.at(-1)! < wanted * 0.9 && counts.length < MEASUREMENT_COUNT_MAX);
  assert.ok(counts.at(-1)! >= wanted * 0.9, `${counts} of ${wanted}\n${cluster.describe()}`);
});
