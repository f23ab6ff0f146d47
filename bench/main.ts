/**
 * The command line of the benchmarks: `deno task bench`.
 *
 * @module
 */

import { type BenchOptions, parseBenchOptions } from "./bench_options.ts";
import { interruptible } from "./interruption.ts";
import { runBenchmarks } from "./run_benchmarks.ts";
import { reportJson, reportMarkdown } from "./results/report.ts";
import { reportSvg } from "./results/report_svg.ts";

async function run(options: BenchOptions): Promise<void> {
  const report = await runBenchmarks(options, (line) => console.log(line));
  console.log(`\n${reportMarkdown(report)}`);
  if (options.json !== undefined) await Deno.writeTextFile(options.json, reportJson(report));
  if (options.svg !== undefined) await Deno.writeTextFile(options.svg, reportSvg(report));
}

if (import.meta.main) {
  try {
    const options = parseBenchOptions(Deno.args);
    await interruptible(() => run(options));
    Deno.exit(0);
  } catch (error) {
    console.error(error);
    Deno.exit(1);
  }
}
