/**
 * The table as a picture: one bar per ratio on a logarithmic scale, its target as a tick. It follows
 * the reader's light or dark scheme.
 *
 * @module
 */

import { formatNumber, formatTarget } from "./format_figure.ts";
import type { Report } from "./report.ts";
import { ratioOf, type Row, verdictOf } from "./row.ts";

const ROW_HEIGHT = 20;
const LABEL_WIDTH = 520;
const CHART_WIDTH = 420;
const VALUE_WIDTH = 170;
const TOP = 56;
/** Ratios outside are drawn at the edge; the number beside the bar tells the truth. */
const RATIO_MIN = 0.001;
const RATIO_MAX = 100;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #222 }
  .title { font-size: 15px; font-weight: 600 }
  .faint { fill: #666 }
  .grid { stroke: #ddd }
  .one { stroke: #888 }
  .met { fill: #2a7f4f }
  .missed { fill: #c2492d }
  .untargeted { fill: #8795a1 }
  .target { stroke: #222; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .faint { fill: #999 } .grid { stroke: #333 } .target { stroke: #eee }
  }`;

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Horizontal place of a ratio. */
function xOf(ratio: number): number {
  const held = Math.min(RATIO_MAX, Math.max(RATIO_MIN, ratio));
  const share = Math.log(held / RATIO_MIN) / Math.log(RATIO_MAX / RATIO_MIN);
  return LABEL_WIDTH + share * CHART_WIDTH;
}

function grid(height: number): string[] {
  const lines: string[] = [];
  for (let ratio = RATIO_MIN; ratio <= RATIO_MAX * 1.001; ratio *= 10) {
    const x = xOf(ratio).toFixed(1);
    const kind = Math.abs(ratio - 1) < 0.01 ? "one" : "grid";
    lines.push(
      `<line class="${kind}" x1="${x}" x2="${x}" y1="${TOP - 6}" y2="${height - 8}"/>`,
      `<text class="faint" text-anchor="middle" x="${x}" y="${TOP - 12}">${
        formatNumber(ratio)
      } ×</text>`,
    );
  }
  return lines;
}

function bar(row: Row, ratio: number, index: number): string[] {
  const top = TOP + index * ROW_HEIGHT;
  const from = Math.min(xOf(ratio), xOf(1));
  const width = Math.max(1, Math.abs(xOf(ratio) - xOf(1)));
  const label = `${row.benchmark} · ${row.repository} · ${row.quantity} / ${row.peer!.name}`;
  const { target } = row;
  const aim = target === undefined ? "" : ` (${formatTarget(target, row)})`;
  const lines = [
    `<text x="${LABEL_WIDTH - 8}" y="${top + 13}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="${verdictOf(row)}" x="${from.toFixed(1)}" y="${top + 3}" width="${
      width.toFixed(1)
    }" height="${ROW_HEIGHT - 7}"/>`,
    `<text x="${LABEL_WIDTH + CHART_WIDTH + 8}" y="${top + 13}">${formatNumber(ratio)} ×${
      escapeXml(aim)
    }</text>`,
  ];
  if (target?.on === "ratio") {
    const x = xOf(target.value).toFixed(1);
    lines.push(
      `<line class="target" x1="${x}" x2="${x}" y1="${top + 1}" y2="${top + ROW_HEIGHT - 2}"/>`,
    );
  }
  return lines;
}

/** Draws the rows that have a peer. */
export function reportSvg(report: Report): string {
  const drawn = report.rows.flatMap((row) => {
    const ratio = ratioOf(row);
    return ratio === undefined || !Number.isFinite(ratio) ? [] : [{ row, ratio }];
  });
  const width = LABEL_WIDTH + CHART_WIDTH + VALUE_WIDTH;
  const height = TOP + drawn.length * ROW_HEIGHT + 12;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>GitStratum divided by its peer, at commit ${escapeXml(report.commit)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="8" y="20">GitStratum ÷ peer, same run, same machine; the tick is the target</text>`,
    ...grid(height),
    ...drawn.flatMap(({ row, ratio }, index) => bar(row, ratio, index)),
    "</svg>",
    "",
  ].join("\n");
}
