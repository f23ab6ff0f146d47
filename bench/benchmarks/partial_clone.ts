/**
 * The first clone without blobs.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { ratioAtMost } from "../results/row.ts";
import type { Source } from "../sources/source.ts";
import { compareClones } from "./clone_costs.ts";

async function cloneOne(context: BenchContext, source: Source): Promise<void> {
  const { ours, cold, plain, tuned } = await compareClones(context, source, {
    filter: "blob:none",
  });
  const rows = new RowWriter(context, { benchmark: partialClone.name, repository: source.label });
  for (const [name, peer, bound] of [["plain", plain, 0.3], ["tuned", tuned, 0.8]] as const) {
    const peerName = `git http-backend, ${name}`;
    rows.add("wall", {
      unit: "s",
      ours: ours.wallSeconds,
      peer: [peerName, peer?.wallSeconds],
      target: ratioAtMost(bound),
    });
    rows.add("cold start: wall", {
      unit: "s",
      ours: cold.wallSeconds,
      peer: [peerName, peer?.wallSeconds],
      target: ratioAtMost(bound),
    });
    rows.add("server CPU", {
      unit: "s",
      ours: ours.cpuSeconds,
      peer: [peerName, peer?.cpuSeconds],
    });
    rows.add("bytes sent", {
      unit: "bytes",
      ours: ours.answerBytes,
      peer: [peerName, peer?.answerBytes],
    });
  }
}

/** See the module's text. */
export const partialClone: Benchmark = {
  name: "partial-clone",
  title: "First clone with blob:none",
  async run(context) {
    for (const source of await context.stage.sources()) await cloneOne(context, source);
  },
};
