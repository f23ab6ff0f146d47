import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBucket } from "./token_bucket.ts";

const RULE = { perSecond: 10, burst: 20 };

Deno.test("TokenBucket lets a burst through, then the rate", () => {
  const bucket = new TokenBucket(RULE, { nowMs: 0 });
  for (let count = 0; count < 20; count++) assert.equal(bucket.take(1, 0), true);
  assert.equal(bucket.take(1, 0), false);
  assert.equal(bucket.waitMs(1, 0), 100);
  assert.equal(bucket.take(1, 99), false);
  assert.equal(bucket.take(1, 100), true);
  assert.equal(bucket.take(1, 100), false);
});

Deno.test("TokenBucket saves up no more than its burst", () => {
  const bucket = new TokenBucket(RULE, { nowMs: 0, level: 0 });
  assert.equal(bucket.level(3_600_000), 20);
  assert.equal(bucket.waitMs(21, 3_600_000), Infinity);
});

Deno.test("TokenBucket pays its debts before it gives again", () => {
  const bucket = new TokenBucket(RULE, { nowMs: 0, level: 5 });
  bucket.owe(15, 0);
  assert.equal(bucket.level(0), -10);
  assert.equal(bucket.take(1, 1000), false);
  assert.equal(bucket.take(1, 1100), true);
  bucket.owe(1000, 1100);
  assert.equal(bucket.level(1100), -20, "a debt has an end");
});

Deno.test("TokenBucket follows a new rule with what it has", () => {
  const bucket = new TokenBucket(RULE, { nowMs: 0 });
  bucket.follow({ perSecond: 1, burst: 5 }, 0);
  assert.equal(bucket.level(0), 5);
  bucket.take(5, 0);
  assert.equal(bucket.level(2000), 2);
});

Deno.test("TokenBucket ignores time that runs backwards", () => {
  const bucket = new TokenBucket(RULE, { nowMs: 1000, level: 3 });
  assert.equal(bucket.level(0), 3);
  assert.equal(bucket.level(1100), 4);
});

Deno.test("TokenBucket never lets more through than its burst and its rate times the time", () => {
  const step = fc.record({
    passMs: fc.integer({ min: 0, max: 500 }),
    take: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const bucket = new TokenBucket(RULE, { nowMs: 0 });
    let nowMs = 0;
    let taken = 0;
    for (const { passMs, take } of steps) {
      nowMs += passMs;
      if (bucket.take(take, nowMs)) taken += take;
      assert.ok(taken <= RULE.burst + RULE.perSecond * nowMs / 1000 + 1e-6);
    }
  }));
});
