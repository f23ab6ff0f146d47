/**
 * Runs many seeds by hand: `deno task sim --seeds 2000`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { simulate, type SimulationReport } from "./simulation.ts";

const HELP = `Usage: deno task sim [options]

  --seeds N      how many seeds to run (default 100)
  --from N       the first seed (default 1)
  --verbose      tell what every process logs and clients miss
  --trace        tell every event
`;

/** After so many seeds it is told how far the run is. */
const PROGRESS_SEED_COUNT = 20;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "100" },
      from: { type: "string", default: "1" },
      verbose: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const from = Number(values.from);
  const failed: number[] = [];
  const sums = new Map<string, number>();
  let count = 0;
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const report = await simulate({
      seed,
      ...(values.verbose ? { onLine: console.log } : {}),
      ...(values.trace ? { onTrace: console.log } : {}),
    });
    add(sums, report);
    if (report.violations.length > 0) {
      failed.push(seed);
      console.log(`seed ${seed} breaks promises:`);
      for (const { promise, what } of report.violations) console.log(`  ${promise}: ${what}`);
    }
    if (++count % PROGRESS_SEED_COUNT === 0) {
      console.error(`${count} seeds, up to ${seed}; ${failed.length} failed`);
    }
  }
  console.log(Object.fromEntries(sums));
  console.log(failed.length === 0 ? "No promise was broken" : `Failed seeds: ${failed.join(" ")}`);
  return failed.length === 0 ? 0 : 1;
}

function add(sums: Map<string, number>, report: SimulationReport): void {
  const { eventCount, simulatedMs, counts, faults } = report;
  const rows: readonly (readonly [string, number])[] = [
    ["seeds", 1],
    ["events", eventCount],
    ["simulated hours", simulatedMs / 3600_000],
    ...Object.entries(counts),
    ...faults,
  ];
  for (const [name, value] of rows) sums.set(name, (sums.get(name) ?? 0) + value);
}

if (import.meta.main) Deno.exit(await main());
