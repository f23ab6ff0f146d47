import assert from "node:assert/strict";
import { WakeUps } from "./wake_ups.ts";

Deno.test("WakeUps.wake() wakes those who wait now, each once", async () => {
  const wakeUps = new WakeUps();
  const { signal } = new AbortController();
  const both = [wakeUps.next(signal), wakeUps.next(signal)];
  assert.equal(wakeUps.count, 2);
  wakeUps.wake();
  await Promise.all(both);
  assert.equal(wakeUps.count, 0);
  const later = wakeUps.next(signal);
  assert.equal(wakeUps.count, 1);
  wakeUps.wake();
  await later;
});

Deno.test("WakeUps.next() ends when its signal aborts, and is forgotten", async () => {
  const wakeUps = new WakeUps();
  const [one, other] = [new AbortController(), new AbortController()];
  const [first, second] = [wakeUps.next(one.signal), wakeUps.next(other.signal)];
  one.abort();
  await first;
  assert.equal(wakeUps.count, 1, "others wait on");
  await wakeUps.next(one.signal);
  assert.equal(wakeUps.count, 1, "an aborted one never waits");
  wakeUps.wake();
  await second;
});
