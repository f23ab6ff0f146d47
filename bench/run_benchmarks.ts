/**
 * Runs benchmarks one after the other over one stage and collects their rows.
 *
 * @module
 */

import { projectRoot } from "../tests/harness/gitstratum_server.ts";
import type { BenchOptions } from "./bench_options.ts";
import type { Benchmark } from "./benchmark.ts";
import { BENCHMARKS } from "./benchmarks/mod.ts";
import { formatFigure, formatNumber } from "./results/format_figure.ts";
import { readCommit, readMachineFacts } from "./results/machine_facts.ts";
import type { Report } from "./results/report.ts";
import { ratioOf, type Row, verdictOf } from "./results/row.ts";
import { Stage } from "./stage.ts";

function chosen(names: readonly string[]): readonly Benchmark[] {
  const unknown = names.filter((name) => !BENCHMARKS.some((one) => one.name === name));
  if (unknown.length > 0) {
    const known = BENCHMARKS.map((one) => one.name).join(", ");
    throw new Error(`No benchmark is named ${unknown.join(" or ")}; there are ${known}`);
  }
  return names.length === 0 ? BENCHMARKS : BENCHMARKS.filter((one) => names.includes(one.name));
}

function lineOf(row: Row): string {
  const ratio = ratioOf(row);
  const peer = row.peer === undefined
    ? ""
    : ` / ${formatFigure(row.peer.value, row.unit)} (${row.peer.name}) = ${formatNumber(ratio!)} ×`;
  const verdict = verdictOf(row);
  return `  ${row.repository}, ${row.quantity}: ${formatFigure(row.ours, row.unit)}${peer}${
    verdict === "untargeted" ? "" : `, ${verdict}`
  }`;
}

/** Runs what the options choose. @throws when a result is wrong */
export async function runBenchmarks(
  options: BenchOptions,
  print: (line: string) => void,
): Promise<Report> {
  const benchmarks = chosen(options.only);
  const startedAt = new Date().toISOString();
  const machine = await readMachineFacts();
  const commit = await readCommit(projectRoot);
  const rows: Row[] = [];
  const notes: string[] = [];
  await using stage = await Stage.open(options);
  for (const benchmark of benchmarks) {
    print(`${benchmark.name}: ${benchmark.title}`);
    await benchmark.run({
      sizes: options.sizes,
      stage,
      note: (text) => void notes.push(text),
      row(row) {
        rows.push(row);
        print(lineOf(row));
      },
    });
  }
  if ((await stage.web()) === undefined) {
    notes.push("nginx or fcgiwrap is not installed: rows without peer");
  }
  return { command: options.command, commit, startedAt, machine, notes, rows };
}
