/**
 * What a pushed history takes on disk once the server has stopped, everything counted: extents,
 * indexes, logs and databases. Packs that were cached for clones are not part of the history: they
 * have a budget of their own (`--pack-cache`) and may go at any time.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { ratioAtMost } from "../results/row.ts";
import type { Source } from "../sources/source.ts";

const BLOCK_BYTES = 512;

/** Bytes that all files below a directory occupy. */
export async function allocatedBytes(directory: string): Promise<number> {
  let total = 0;
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) total += await allocatedBytes(path);
    else total += ((await Deno.lstat(path)).blocks ?? 0) * BLOCK_BYTES;
  }
  return total;
}

async function measureOne(context: BenchContext, source: Source): Promise<void> {
  const { dataDirectory } = await context.stage.ours(source);
  const { directory } = await context.stage.git(source);
  new RowWriter(context, { benchmark: diskBytes.name, repository: source.label })
    .add("allocated", {
      unit: "bytes",
      ours: await allocatedBytes(dataDirectory) - await allocatedBytes(`${dataDirectory}/cache`),
      peer: ["git's pack + idx", await allocatedBytes(`${directory}/objects/pack`)],
      target: ratioAtMost(1.05),
    });
}

/** See the module's text. */
export const diskBytes: Benchmark = {
  name: "disk",
  title: "Bytes on disk for the pushed history",
  async run(context) {
    for (const source of await context.stage.sources()) await measureOne(context, source);
  },
};
