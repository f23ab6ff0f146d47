import assert from "node:assert/strict";
import { ManualClock } from "../manual_clock.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";

function broken(clock: ManualClock): CircuitBreaker {
  const breaker = new CircuitBreaker(clock);
  for (let n = 0; n < 3; n++) breaker.failed();
  return breaker;
}

Deno.test("CircuitBreaker opens after failures in a row only", () => {
  const breaker = new CircuitBreaker(new ManualClock());
  for (let n = 0; n < 10; n++) {
    breaker.failed();
    breaker.failed();
    breaker.succeeded();
    assert.equal(breaker.tryPass(), true);
  }
  for (let n = 0; n < 3; n++) breaker.failed();
  assert.deepEqual([breaker.isOpen, breaker.tryPass()], [true, false]);
});

Deno.test("CircuitBreaker lets one call pass when its pause is over, and closes on success", async () => {
  const clock = new ManualClock();
  const breaker = broken(clock);
  await clock.advance(500);
  assert.deepEqual([breaker.tryPass(), breaker.tryPass()], [true, false]);
  breaker.succeeded();
  assert.deepEqual([breaker.tryPass(), breaker.tryPass()], [true, true]);
});

Deno.test("CircuitBreaker pauses longer after each failure", async () => {
  const clock = new ManualClock();
  const breaker = broken(clock);
  for (const pauseMs of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    await clock.advance(pauseMs - 1);
    assert.equal(breaker.tryPass(), false);
    await clock.advance(1);
    assert.equal(breaker.tryPass(), true);
    breaker.failed();
  }
});
