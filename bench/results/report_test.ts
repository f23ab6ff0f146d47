import assert from "node:assert/strict";
import { type Report, reportJson, reportMarkdown } from "./report.ts";
import { reportSvg } from "./report_svg.ts";
import { ratioAtMost, valueAtMost } from "./row.ts";

const REPORT: Report = {
  command: "deno task bench",
  commit: "0123abc",
  startedAt: "2024-01-01T00:00:00Z",
  machine: {
    cores: 2,
    processor: "A & B <processor>",
    memoryGib: 4,
    system: "linux 6",
    loadAverage: [0.5, 1, 2],
    software: ["git version 2"],
  },
  notes: ["one peer is missing"],
  rows: [
    {
      benchmark: "clone",
      repository: "a<b",
      quantity: "wall",
      unit: "s",
      ours: 1,
      peer: { name: "git", value: 4 },
      target: ratioAtMost(0.3),
    },
    {
      benchmark: "start",
      repository: "–",
      quantity: "resident",
      unit: "bytes",
      ours: 700 * 1024 * 1024,
      target: valueAtMost(512 * 1024 * 1024),
    },
  ],
};

Deno.test("reportMarkdown() tells figures, ratio, target and verdict", () => {
  const text = reportMarkdown(REPORT);
  assert.match(text, /\| clone .*\| 1 s .*\| git .*\| 4 s .*\| 0.25 × .*\| ≤ 0.3 × .*\| met/);
  assert.match(text, /\| start .*\| 700 MiB .*\| ≤ 512 MiB .*\| missed/);
  assert.match(text, /Note: one peer is missing/);
  const widths = text.split("\n").filter((line) => line.startsWith("|")).map((line) => line.length);
  assert.equal(new Set(widths).size, 1);
});

Deno.test("reportJson() gives each row its ratio and verdict", () => {
  const { rows } = JSON.parse(reportJson(REPORT));
  assert.deepEqual(
    rows.map((row: { ratio: number; verdict: string }) => [row.ratio, row.verdict]),
    [[0.25, "met"], [null, "missed"]],
  );
});

Deno.test("reportSvg() draws a bar and a target for each row with a peer, and escapes text", () => {
  const svg = reportSvg(REPORT);
  assert.equal(svg.match(/<rect/g)?.length, 1);
  assert.equal(svg.match(/class="target"/g)?.length, 1);
  assert.ok(svg.includes("a&lt;b") && !svg.includes("a<b"));
  assert.match(svg, /<rect class="met"/);
});
