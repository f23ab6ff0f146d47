import assert from "node:assert/strict";
import fc from "fast-check";
import { parseRateRule, refillMs } from "./rate_rule.ts";

Deno.test("parseRateRule() reads rates with and without a burst", () => {
  assert.deepEqual(parseRateRule("100/s"), { perSecond: 100, burst: 1000 });
  assert.deepEqual(parseRateRule("100/s:7"), { perSecond: 100, burst: 7 });
  assert.deepEqual(parseRateRule("600/min:50"), { perSecond: 10, burst: 50 });
  assert.deepEqual(parseRateRule("3.6/h"), { perSecond: 0.001, burst: 1 });
  assert.equal(parseRateRule("off"), undefined);
});

Deno.test("parseRateRule() refuses what is no rate, and says what would be", () => {
  for (
    const text of ["", "100", "0/s", "-1/s", "1/s:0", "1/d", "1e3/s", "9999999999/s", "1/s:1.5"]
  ) {
    assert.throws(() => parseRateRule(text), /must be a rate such as 100\/s/, text);
  }
});

Deno.test("parseRateRule() never makes a rule that lets nothing through", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const rule = parseRateRule(text);
      assert.ok(rule === undefined || (rule.perSecond > 0 && rule.burst >= 1));
    } catch (error) {
      assert.match(String(error), /must be a rate/);
    }
  }));
});

Deno.test("refillMs() is how long an empty bucket takes", () => {
  assert.equal(refillMs({ perSecond: 4, burst: 10 }), 2500);
});
