/**
 * Many clones of one commit at depth 1 at the same moment, by a server that was just started.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { clonedPack, type RawClone, rawClone } from "../load/clone.ts";
import { ratioAtMost } from "../results/row.ts";
import { type Cost, measure, type MeteredServer } from "../servers/metered_server.ts";
import type { Source } from "../sources/source.ts";
import { cloneOnce } from "./clone_costs.ts";
import { shallowWish } from "./shallow_clone.ts";
import { touchedBuffer } from "../load/http_exchange.ts";
import { verify } from "../verify.ts";

/** Room for one answer; a larger one makes its buffer grow. */
const BUFFER_BYTES = 1024 * 1024;

interface Target {
  readonly server: MeteredServer;
  readonly path: string;
}

async function stormOf(context: BenchContext, source: Source, target: Target): Promise<Cost> {
  const { server, path } = target;
  const wish = shallowWish(source);
  const measured = await measure(server, () => {
    const clones: Promise<RawClone>[] = [];
    for (let number = 0; number < context.sizes.stormClones; number++) {
      clones.push(rawClone({ address: server.address, path }, wish));
    }
    return Promise.all(clones);
  });
  const counts = new Set(measured.value.map((clone) => clonedPack(clone).objectCount));
  verify(counts.size === 1, "clones of a storm hold different objects");
  return measured;
}

async function storms(context: BenchContext, source: Source): Promise<void> {
  const buffer = touchedBuffer(BUFFER_BYTES);
  const first = await context.stage.startOurs(source);
  const one = await cloneOnce(first.server, first.path, { wish: shallowWish(source), buffer });
  await first.server[Symbol.asyncDispose]();
  const second = await context.stage.startOurs(source);
  const ours = await stormOf(context, source, second);
  await second.server[Symbol.asyncDispose]();
  const web = await context.stage.web();
  const peer = web === undefined ? undefined : await stormOf(context, source, {
    server: web,
    path: web.path((await context.stage.git(source)).plain),
  });
  const rows = new RowWriter(context, { benchmark: storm.name, repository: source.label });
  rows.add("server CPU", {
    unit: "s",
    ours: ours.cpuSeconds,
    peer: ["one such clone by GitStratum", one.cpuSeconds],
    target: ratioAtMost(1.3),
  });
  rows.add("server CPU", {
    unit: "s",
    ours: ours.cpuSeconds,
    peer: ["git http-backend, plain", peer?.cpuSeconds],
  });
  rows.add("time to finish", {
    unit: "s",
    ours: ours.wallSeconds,
    peer: ["git http-backend, plain", peer?.wallSeconds],
    target: ratioAtMost(0.1),
  });
  rows.add("peak memory", {
    unit: "bytes",
    ours: ours.peakBytes,
    peer: ["largest git process", peer?.peakBytes],
  });
}

/** See the module's text. */
export const storm: Benchmark = {
  name: "storm",
  title: "Concurrent clones of one commit at depth 1",
  async run(context) {
    for (const source of await context.stage.sources()) await storms(context, source);
  },
};
