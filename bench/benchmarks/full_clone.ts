/**
 * Clones of everything: the first from a server that was just started, with the operating system's
 * cache warm, and the same once more.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { exchange, parseAnswer, requireOk } from "../load/http_exchange.ts";
import { ratioAtLeast, ratioAtMost } from "../results/row.ts";
import { measure, medianByWall } from "../servers/metered_server.ts";
import type { Source } from "../sources/source.ts";
import { answerBuffer } from "../stage.ts";
import { type CloneCosts, compareClones } from "./clone_costs.ts";
import { verify } from "../verify.ts";

const PLAIN = "git http-backend, plain";
const TUNED = "git http-backend, tuned";

/** Bytes per second of nginx serving a source's pack as a file. */
async function staticThroughput(
  context: BenchContext,
  source: Source,
): Promise<number | undefined> {
  const web = await context.stage.web();
  if (web === undefined) return undefined;
  const file = `${web.files.statics}/${source.label}.pack`;
  await Deno.copyFile(source.packFile, file);
  const buffer = answerBuffer(source);
  const path = `/static/${source.label}.pack`;
  const all = [];
  for (let round = 0; round < context.sizes.repetitions; round++) {
    const measured = await measure(
      web,
      () => exchange(web.address, { method: "GET", path }, buffer),
    );
    const { body } = requireOk(parseAnswer(measured.value));
    verify(body.length === source.packBytes, "bytes of a static file");
    all.push(measured);
  }
  await Deno.remove(file);
  return source.packBytes / medianByWall(all).wallSeconds;
}

function firstRows(rows: RowWriter, costs: CloneCosts): void {
  const { ours, cold, plain, tuned } = costs;
  for (const [name, peer, bound] of [[PLAIN, plain, 0.3], [TUNED, tuned, 0.8]] as const) {
    rows.add("first: wall", {
      unit: "s",
      ours: ours.wallSeconds,
      peer: [name, peer?.wallSeconds],
      target: ratioAtMost(bound),
    });
    rows.add("first: server CPU", {
      unit: "s",
      ours: ours.cpuSeconds,
      peer: [name, peer?.cpuSeconds],
      target: ratioAtMost(bound),
    });
    rows.add("first, cold start: wall", {
      unit: "s",
      ours: cold.wallSeconds,
      peer: [name, peer?.wallSeconds],
      target: ratioAtMost(bound),
    });
    rows.add("first, cold start: server CPU", {
      unit: "s",
      ours: cold.cpuSeconds,
      peer: [name, peer?.cpuSeconds],
      target: ratioAtMost(bound),
    });
    rows.add("first: bytes sent", {
      unit: "bytes",
      ours: ours.answerBytes,
      peer: [name, peer?.answerBytes],
      target: ratioAtMost(1.05),
    });
    rows.add("first: peak memory", {
      unit: "bytes",
      ours: ours.peakBytes,
      peer: [name, peer?.peakBytes],
    });
  }
}

async function cloneOne(context: BenchContext, source: Source): Promise<void> {
  const costs = await compareClones(context, source, {});
  verify(costs.ours.objectCount === source.objectCount, "objects of a full clone");
  const rows = new RowWriter(context, { benchmark: fullClone.name, repository: source.label });
  firstRows(rows, costs);
  const { again, plain } = costs;
  rows.add("again: throughput", {
    unit: "bytes/s",
    ours: again.answerBytes / again.wallSeconds,
    peer: ["nginx, static file", await staticThroughput(context, source)],
    target: ratioAtLeast(0.5),
  });
  rows.add("again: server CPU", {
    unit: "s",
    ours: again.cpuSeconds,
    peer: [PLAIN, plain?.cpuSeconds],
    target: ratioAtMost(0.05),
  });
}

/** See the module's text. */
export const fullClone: Benchmark = {
  name: "full-clone",
  title: "First full clone, and the same again",
  async run(context) {
    for (const source of await context.stage.sources()) await cloneOne(context, source);
  },
};
