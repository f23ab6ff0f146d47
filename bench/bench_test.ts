/**
 * Every benchmark runs with sizes that say nothing about speed, so that none rots. They share one
 * stage, as in a real run; peers that are not installed are left out.
 */

import assert from "node:assert/strict";
import { parseBenchOptions } from "./bench_options.ts";
import { BENCHMARKS } from "./benchmarks/mod.ts";
import type { Row } from "./results/row.ts";
import { Stage } from "./stage.ts";

Deno.test("every benchmark measures and verifies at tiny sizes", async (test) => {
  const options = parseBenchOptions(["--tiny"]);
  await using stage = await Stage.open(options);
  for (const benchmark of BENCHMARKS) {
    await test.step(benchmark.name, async () => {
      const rows: Row[] = [];
      await benchmark.run({
        sizes: options.sizes,
        stage,
        note() {},
        row: (row) => void rows.push(row),
      });
      assert.ok(rows.length > 0);
      for (const row of rows) {
        assert.equal(row.benchmark, benchmark.name);
        assert.ok(Number.isFinite(row.ours) && row.ours >= 0, `${row.quantity}: ${row.ours}`);
        assert.ok(row.peer === undefined || Number.isFinite(row.peer.value), row.quantity);
      }
    });
  }
});

Deno.test("benchmarks have distinct names", () => {
  assert.equal(new Set(BENCHMARKS.map((one) => one.name)).size, BENCHMARKS.length);
});
