/**
 * Many clients clone a large repository while another pushes one: does memory stay bounded, and are
 * small requests still answered? Clones run in workers, which hash one answer in eight and compare
 * size, object count and trailer of the others with it.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { exchangeFile, parseAnswer, requireOk } from "../load/http_exchange.ts";
import { KeepAliveConnection } from "../load/keep_alive_connection.ts";
import { runCloneWorkers } from "../load/clone_workers.ts";
import { PUSH_HEADERS, requirePushed } from "../load/push_request.ts";
import { listRequest } from "../load/upload_requests.ts";
import { valueAtMost } from "../results/row.ts";
import { type Address, measure, percentile } from "../servers/metered_server.ts";
import type { Source } from "../sources/source.ts";
import { verify } from "../verify.ts";

const RESIDENT_BYTES_MAX = 512 * 1024 * 1024;
const SMALL_REQUEST_MS_MAX = 250;
/** Pause between small requests. */
const PROBE_INTERVAL_MS = 10;

/** Milliseconds of small requests, one after the other until told to stop. */
async function probe(
  target: { readonly address: Address; readonly path: string; readonly prefix: string },
  stop: AbortSignal,
): Promise<number[]> {
  using connection = new KeepAliveConnection(target.address);
  const request = listRequest(target.path, [target.prefix]);
  const times: number[] = [];
  while (!stop.aborted) {
    const begin = performance.now();
    requireOk(await connection.send(request));
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, PROBE_INTERVAL_MS));
  }
  return times;
}

async function runLoad(context: BenchContext, source: Source): Promise<void> {
  const { server, path } = await context.stage.startOurs(source);
  await using _ = server;
  await server.createRepository("bench/second", source.defaultBranch);
  const { address } = server;
  const measured = await measure(server, async () => {
    const stop = new AbortController();
    const prefix = `refs/heads/${source.defaultBranch}`;
    const probing = probe({ address, path, prefix }, stop.signal);
    try {
      const load = Promise.all([
        runCloneWorkers({ address, path, source, count: context.sizes.mixedClones }),
        exchangeFile(address, {
          method: "POST",
          path: `${server.path("bench/second")}/git-receive-pack`,
          headers: PUSH_HEADERS,
          file: source.pushFile,
        }),
      ]);
      // A probe that fails ends the load's wait.
      await Promise.race([load, probing.then(() => load)]);
      return { load: await load, probing };
    } finally {
      stop.abort();
    }
  });
  const [clones, push] = measured.value.load;
  requirePushed(parseAnswer(push), source.references.size);
  for (const clone of clones) {
    verify(clone.objectCount === source.objectCount, "objects of a clone under load");
    verify(clone.trailer === clones[0]!.trailer, "trailers of clones under load");
    verify(clone.packBytes === clones[0]!.packBytes, "sizes of clones under load");
  }
  const times = await measured.value.probing;
  const rows = new RowWriter(context, { benchmark: mixedLoad.name, repository: source.label });
  const target = valueAtMost(RESIDENT_BYTES_MAX);
  rows.add("peak memory", { unit: "bytes", ours: measured.peakBytes, target });
  rows.add(`p99 of ${times.length} small requests`, {
    unit: "ms",
    ours: percentile(times, 0.99),
    target: valueAtMost(SMALL_REQUEST_MS_MAX),
  });
  rows.add("wall", { unit: "s", ours: measured.wallSeconds });
  const sent = clones.reduce((sum, clone) => sum + clone.packBytes, 0);
  rows.add("sent", { unit: "bytes/s", ours: sent / measured.wallSeconds });
}

/** See the module's text. */
export const mixedLoad: Benchmark = {
  name: "mixed-load",
  title: "Many large clones and a large push at once",
  async run(context) {
    await runLoad(context, await context.stage.large());
  },
};
