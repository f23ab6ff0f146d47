/**
 * What a benchmark is, and what it is given.
 *
 * @module
 */

import type { BenchSizes } from "./bench_options.ts";
import type { Row, Target, Unit } from "./results/row.ts";
import type { Stage } from "./stage.ts";

/** Everything that a benchmark works with. */
export interface BenchContext {
  readonly sizes: BenchSizes;
  /** Repositories and servers, made when first asked for. */
  readonly stage: Stage;
  /** Tells the reader of the table something. */
  note(text: string): void;
  /** Adds a verified row. */
  row(row: Row): void;
}

/** One question and its measurement. */
export interface Benchmark {
  /** As `--only` takes it. */
  readonly name: string;
  /** What it asks, in one line. */
  readonly title: string;
  /** Measures, verifies, and adds rows. @throws when a result is not what it should be */
  run(context: BenchContext): Promise<void>;
}

/** A figure of ours and perhaps of a peer. */
export interface Comparison {
  readonly unit: Unit;
  readonly ours: number;
  /** Left out where it is undefined: the peer is not installed. */
  readonly peer?: readonly [name: string, value: number | undefined];
  readonly target?: Target;
}

/** Adds rows that share benchmark and repository. */
export class RowWriter {
  readonly #context: BenchContext;
  readonly #shared: Pick<Row, "benchmark" | "repository">;

  constructor(context: BenchContext, shared: Pick<Row, "benchmark" | "repository">) {
    this.#context = context;
    this.#shared = shared;
  }

  /** Adds a row. */
  add(quantity: string, comparison: Comparison): void {
    const { unit, ours, peer, target } = comparison;
    const [name, value] = peer ?? [];
    this.#context.row({
      ...this.#shared,
      quantity,
      unit,
      ours,
      ...(name === undefined || value === undefined ? {} : { peer: { name, value } }),
      ...(target === undefined ? {} : { target }),
    });
  }
}
