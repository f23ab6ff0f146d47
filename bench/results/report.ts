/**
 * What a run found: the machine, the command, and all rows.
 *
 * @module
 */

import type { MachineFacts } from "./machine_facts.ts";
import { formatFigure, formatNumber, formatTarget } from "./format_figure.ts";
import { ratioOf, type Row, verdictOf } from "./row.ts";

/** A whole run. */
export interface Report {
  readonly command: string;
  /** Commit of the source tree, with `-dirty` behind it when files differed. */
  readonly commit: string;
  readonly startedAt: string;
  readonly machine: MachineFacts;
  /** Things a reader must know: peers that were left out, sizes. */
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

const HEADINGS = [
  "benchmark",
  "repository",
  "quantity",
  "GitStratum",
  "peer",
  "of peer",
  "ratio",
  "target",
  "",
] as const;

/** Cells of one row, in the order of the headings. */
function cells(row: Row): readonly string[] {
  const ratio = ratioOf(row);
  const verdict = verdictOf(row);
  return [
    row.benchmark,
    row.repository,
    row.quantity,
    formatFigure(row.ours, row.unit),
    row.peer?.name ?? "–",
    row.peer === undefined ? "–" : formatFigure(row.peer.value, row.unit),
    ratio === undefined ? "–" : `${formatNumber(ratio)} ×`,
    row.target === undefined ? "–" : formatTarget(row.target, row),
    verdict === "untargeted" ? "" : verdict,
  ];
}

/** The run as a Markdown table with its circumstances above it. */
export function reportMarkdown(report: Report): string {
  const table = [HEADINGS, ...report.rows.map(cells)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(3, ...table.map((line) => line[column]!.length))
  );
  const lines = table.map((line) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const { machine } = report;
  return [
    `Command: \`${report.command}\``,
    `Commit: ${report.commit}, started ${report.startedAt}`,
    `Machine: ${machine.cores} cores (${machine.processor}), ${machine.memoryGib} GiB, ` +
    `${machine.system}, load average ${
      machine.loadAverage.map(formatNumber).join(" ")
    } at the start`,
    `Software: ${machine.software.join(", ")}`,
    ...report.notes.map((note) => `Note: ${note}`),
    "",
    lines[0]!,
    rule,
    ...lines.slice(1),
    "",
  ].join("\n");
}

/** The run for programs; rows carry ratio and verdict. */
export function reportJson(report: Report): string {
  const rows = report.rows.map((row) => ({
    ...row,
    ratio: ratioOf(row) ?? null,
    verdict: verdictOf(row),
  }));
  return JSON.stringify({ ...report, rows }, null, 2) + "\n";
}
