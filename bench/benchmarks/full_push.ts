/**
 * A push of a whole history. The client's part is made beforehand, so what counts is the server: from
 * the first byte until the references are acknowledged.
 *
 * @module
 */

import { git } from "../../tests/harness/git.ts";
import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { ratioAtMost, valueAtMost } from "../results/row.ts";
import { measureGit } from "../servers/local_command.ts";
import type { Cost } from "../servers/metered_server.ts";
import type { Source } from "../sources/source.ts";
import { verify } from "../verify.ts";

const PEAK_BYTES_MAX = 512 * 1024 * 1024;

async function indexPack(context: BenchContext, source: Source): Promise<Cost> {
  const repository = `${context.stage.directory}/index-pack.git`;
  await git(["init", "-q", "--bare", repository]);
  const measured = await measureGit(["-C", repository, "index-pack", "--stdin"], source.packFile);
  verify(/^pack\t[0-9a-f]{40}\n$/.test(measured.value), "the answer of git index-pack");
  await Deno.remove(repository, { recursive: true });
  return measured;
}

async function pushOne(context: BenchContext, source: Source): Promise<void> {
  const { push } = await context.stage.ours(source);
  const index = await indexPack(context, source);
  const { receivePack } = await context.stage.git(source);
  const rows = new RowWriter(context, { benchmark: fullPush.name, repository: source.label });
  for (
    const [name, peer, wall] of [
      ["git index-pack", index, 1.0],
      ["git receive-pack", receivePack, 0.5],
    ] as const
  ) {
    rows.add("wall", {
      unit: "s",
      ours: push.wallSeconds,
      peer: [name, peer.wallSeconds],
      target: ratioAtMost(wall),
    });
    rows.add("server CPU", {
      unit: "s",
      ours: push.cpuSeconds,
      peer: [name, peer.cpuSeconds],
    });
    rows.add("peak memory", {
      unit: "bytes",
      ours: push.peakBytes,
      peer: [name, peer.peakBytes],
      target: valueAtMost(PEAK_BYTES_MAX),
    });
  }
}

/** See the module's text. */
export const fullPush: Benchmark = {
  name: "full-push",
  title: "Push of a whole history, until its references are acknowledged",
  async run(context) {
    for (const source of await context.stage.sources()) await pushOne(context, source);
  },
};
