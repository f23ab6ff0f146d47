import assert from "node:assert/strict";
import { partitionOf } from "./partition.ts";

Deno.test("partitionOf() never changes: data lies where it says", () => {
  // XXH64 of the empty string is ef46db3751d8e999, of "abc" 44bc2cf5ad770999 (both end in 0x99).
  assert.equal(partitionOf(""), 0x99);
  assert.equal(partitionOf("abc"), 0x99);
  // XXH64 of "a" is d24ec4f1a98c6e5b.
  assert.equal(partitionOf("a"), 0x5b);
});

Deno.test("partitionOf() spreads ids evenly", () => {
  const counts = new Uint32Array(256);
  for (let index = 0; index < 51_200; index++) {
    counts[partitionOf(index.toString(16).padStart(32, "0"))]!++;
  }
  // 200 ids in each partition, standard deviation 14: six of them either way.
  assert.ok(Math.min(...counts) > 115 && Math.max(...counts) < 285);
});
