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
  const startMs = performance.now();
  const endMs = startMs + WARM_MS + MEASURED_MS;
  const passed = (await Promise.all(CLIENTS.flatMap((count, frontend) => {
    const url = `${cluster.url("acme/tools", frontend)}/info/refs?service=git-upload-pack`;
    return Array.from({ length: count }, () => ask(url, endMs));
  }))).flat();
  const measured = passed.filter((ms) => ms >= startMs + WARM_MS && ms < endMs).length;
  const wanted = PER_SECOND * MEASURED_MS / 1000;
  assert.ok(
    Math.abs(measured - wanted) <= wanted * 0.1,
    `${measured} of ${wanted} requests in ${MEASURED_MS} ms\n${cluster.describe()}`,
  );
});
