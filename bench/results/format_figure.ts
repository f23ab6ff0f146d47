/**
 * Figures as people read them.
 *
 * @module
 */

import type { Target, Unit } from "./row.ts";
import type { Row } from "./row.ts";

const MIB = 1024 * 1024;

/** A number with three significant digits. */
export function formatNumber(value: number): string {
  if (value === 0 || Math.abs(value) >= 1000) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}

/** A figure with its unit; bytes in MiB. */
export function formatFigure(value: number, unit: Unit): string {
  switch (unit) {
    case "bytes":
      return value >= MIB / 10 ? `${formatNumber(value / MIB)} MiB` : `${Math.round(value)} B`;
    case "bytes/s":
      return `${formatNumber(value / MIB)} MiB/s`;
    case "1/s":
      return `${formatNumber(value)}/s`;
    case "count":
      return formatNumber(value);
    case "s":
    case "ms":
      return `${formatNumber(value)} ${unit}`;
  }
}

/** A target, e.g. `≤ 0.5 ×` or `≤ 10 ms`. */
export function formatTarget(target: Target, row: Row): string {
  const sign = target.bound === "at most" ? "≤" : "≥";
  const value = target.on === "ratio"
    ? `${formatNumber(target.value)} ×`
    : formatFigure(target.value, row.unit);
  return `${sign} ${value}`;
}
