import assert from "node:assert/strict";
import { parseConcurrencyRule } from "./concurrency_rule.ts";

Deno.test("parseConcurrencyRule() reads how many run and how many wait", () => {
  assert.deepEqual(parseConcurrencyRule("64"), { running: 64, waiting: 256 });
  assert.deepEqual(parseConcurrencyRule("1:0"), { running: 1, waiting: 0 });
  assert.equal(parseConcurrencyRule("off"), undefined);
});

Deno.test("parseConcurrencyRule() refuses what lets nothing run, and what is no number", () => {
  for (const text of ["", "0", "0:5", "-1", "1.5", "1:", ":1", "12345678", "many"]) {
    assert.throws(() => parseConcurrencyRule(text), /must be a number such as 64/, text);
  }
});
