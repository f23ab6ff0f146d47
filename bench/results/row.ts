/**
 * One line of the published table: our figure, a peer's figure from the same run, and what the ratio
 * between them should be.
 *
 * @module
 */

/** What a figure counts. */
export type Unit = "s" | "ms" | "bytes" | "bytes/s" | "1/s" | "count";

/** A bound on the ratio to the peer, or on our figure itself. */
export interface Target {
  readonly on: "ratio" | "value";
  readonly bound: "at most" | "at least";
  readonly value: number;
}

/** A comparison. */
export interface Row {
  /** Name of the benchmark, as `--only` takes it. */
  readonly benchmark: string;
  /** Which repository was served. */
  readonly repository: string;
  /** What was measured. */
  readonly quantity: string;
  readonly unit: Unit;
  readonly ours: number;
  /** What it is compared with; absent where only the figure itself counts. */
  readonly peer?: { readonly name: string; readonly value: number };
  /** Absent where the figure is told for its own sake. */
  readonly target?: Target;
}

/** Whether a row reached what it should. */
export type Verdict = "met" | "missed" | "untargeted";

/** Our figure divided by the peer's. */
export function ratioOf(row: Row): number | undefined {
  return row.peer === undefined ? undefined : row.ours / row.peer.value;
}

/** Judges a row; a target on the ratio of a row without peer is not judged. */
export function verdictOf(row: Row): Verdict {
  if (row.target === undefined) return "untargeted";
  const value = row.target.on === "ratio" ? ratioOf(row) : row.ours;
  if (value === undefined) return "untargeted";
  const met = row.target.bound === "at most"
    ? value <= row.target.value
    : value >= row.target.value;
  return met ? "met" : "missed";
}

/** The ratio to the peer is at most this. */
export function ratioAtMost(value: number): Target {
  return { on: "ratio", bound: "at most", value };
}

/** The ratio to the peer is at least this. */
export function ratioAtLeast(value: number): Target {
  return { on: "ratio", bound: "at least", value };
}

/** Our figure is at most this, in the row's unit. */
export function valueAtMost(value: number): Target {
  return { on: "value", bound: "at most", value };
}

/** Our figure is at least this, in the row's unit. */
export function valueAtLeast(value: number): Target {
  return { on: "value", bound: "at least", value };
}
