/**
 * The first clone of a branch at depth 1, as CI systems make them.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import type { CloneWish } from "../load/clone.ts";
import { ratioAtMost } from "../results/row.ts";
import type { Source } from "../sources/source.ts";
import { compareClones } from "./clone_costs.ts";

/** A clone of the default branch's last commit. */
export function shallowWish(source: Source): CloneWish {
  return { reference: `refs/heads/${source.defaultBranch}`, depth: 1 };
}

async function cloneOne(context: BenchContext, source: Source): Promise<void> {
  const { ours, cold, plain, tuned } = await compareClones(context, source, shallowWish(source));
  const rows = new RowWriter(context, { benchmark: shallowClone.name, repository: source.label });
  for (const [name, peer, judged] of [["plain", plain, true], ["tuned", tuned, false]] as const) {
    const peerName = `git http-backend, ${name}`;
    rows.add("wall", {
      unit: "s",
      ours: ours.wallSeconds,
      peer: [peerName, peer?.wallSeconds],
      ...(judged ? { target: ratioAtMost(0.5) } : {}),
    });
    rows.add("cold start: wall", {
      unit: "s",
      ours: cold.wallSeconds,
      peer: [peerName, peer?.wallSeconds],
      ...(judged ? { target: ratioAtMost(0.5) } : {}),
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
      ...(judged ? { target: ratioAtMost(1.1) } : {}),
    });
  }
}

/** See the module's text. */
export const shallowClone: Benchmark = {
  name: "shallow-clone",
  title: "First clone at depth 1",
  async run(context) {
    for (const source of await context.stage.sources()) await cloneOne(context, source);
  },
};
