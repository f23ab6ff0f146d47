/**
 * Benchmarks against git itself, in real processes, side by side in one run.
 *
 * @module
 */

export { BENCHMARKS } from "./benchmarks/mod.ts";
export type { BenchContext, Benchmark } from "./benchmark.ts";
export type { Row, Target } from "./results/row.ts";
