import assert from "node:assert/strict";
import {
  FAILED_ATTEMPT_ADDRESS_COUNT_MAX,
  FAILED_ATTEMPT_MEMORY_MS,
  FAILED_ATTEMPT_WAIT_COUNT_MAX,
  FAILED_ATTEMPT_WAIT_MS_MAX,
  hasCode,
  ManualClock,
} from "@gitstratum/core";
import { FailedAttempts, networkOf } from "./failed_attempts.ts";

/** How long the next refusal of an address waits. */
async function waitMs(attempts: FailedAttempts, clock: ManualClock, address: string) {
  const startMs = clock.monotonicMs();
  let isOver = false;
  const refused = attempts.fail(address).then(() => isOver = true);
  await Promise.resolve();
  for (let step = 0; !isOver && step < 1000; step++) {
    await clock.advance(50);
    await Promise.resolve();
  }
  await refused;
  return clock.monotonicMs() - startMs;
}

Deno.test("FailedAttempts.fail() waits longer each time, for one address only", async () => {
  const clock = new ManualClock();
  const attempts = new FailedAttempts(clock);
  for (let failure = 0; failure < 20; failure++) await attempts.fail("192.0.2.1");
  assert.equal(clock.sleeping, 0);
  assert.equal(await waitMs(attempts, clock, "192.0.2.1"), 100);
  assert.equal(await waitMs(attempts, clock, "::ffff:192.0.2.1"), 200);
  for (let failure = 0; failure < 8; failure++) await waitMs(attempts, clock, "192.0.2.1");
  assert.equal(await waitMs(attempts, clock, "192.0.2.1"), FAILED_ATTEMPT_WAIT_MS_MAX);
  await attempts.fail("192.0.2.2");
  await clock.advance(FAILED_ATTEMPT_MEMORY_MS);
  await attempts.fail("192.0.2.1");
  assert.equal(attempts.waitingCount, 0);
});

Deno.test("FailedAttempts.fail() lets only so many wait, and stops for whoever is gone", async () => {
  const clock = new ManualClock();
  const attempts = new FailedAttempts(clock);
  for (let failure = 0; failure < 20; failure++) await attempts.fail("192.0.2.1");
  const gone = new AbortController();
  const waiting = Array.from(
    { length: FAILED_ATTEMPT_WAIT_COUNT_MAX },
    () => attempts.fail("192.0.2.1", gone.signal),
  );
  await assert.rejects(attempts.fail("192.0.2.1"), (error) => hasCode(error, "denied"));
  gone.abort(new Error("gone"));
  for (const each of waiting) await assert.rejects(each, /gone/);
  assert.equal(attempts.waitingCount, 0);
});

Deno.test("FailedAttempts.fail() remembers only so many addresses", async () => {
  const attempts = new FailedAttempts(new ManualClock());
  for (let n = 0; n < FAILED_ATTEMPT_ADDRESS_COUNT_MAX + 10; n++) await attempts.fail(`a${n}`);
  assert.equal(attempts.addressCount, FAILED_ATTEMPT_ADDRESS_COUNT_MAX);
});

Deno.test("networkOf() takes the addresses of one customer together", () => {
  assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
  assert.equal(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(networkOf("2001:db8:0:1::5"), "2001:db8:0:1::/64");
  assert.equal(networkOf("2001:0DB8:0:0001:a:b:c:d"), "2001:db8:0:1::/64");
  assert.equal(networkOf("2001:db8::1"), "2001:db8:0:0::/64");
  assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(networkOf("::1"), "0:0:0:0::/64");
  assert.equal(networkOf(undefined), "unknown");
});
