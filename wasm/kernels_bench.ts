/**
 * Times the kernels against what the runtime offers: `deno bench -A wasm/kernels_bench.ts`. Each
 * case is run and checked before it is timed. Figures are kept in docs/kernels.md.
 *
 * @module
 */

import { benchCases } from "./reference/bench_cases.ts";

for (const bytes of [100, 300, 1000, 4000, 20_000, 200_000, 1_000_000]) {
  for (const { group, name, run, verify } of benchCases(bytes)) {
    run();
    verify();
    Deno.bench({ group, name, fn: run });
  }
}
