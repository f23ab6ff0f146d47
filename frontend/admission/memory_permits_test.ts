import assert from "node:assert/strict";
import {
  ManualClock,
  MEMORY_WAIT_COUNT_MAX,
  MEMORY_WAIT_MS_MAX,
  MEMORY_WANT_MS,
  SeededRandom,
} from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { type MemoryLane, type MemoryPermit, MemoryPermits } from "./memory_permits.ts";

function staged(bytesMax = 100) {
  const clock = new ManualClock();
  const metrics = new PrometheusMetrics();
  const permits = new MemoryPermits({ bytesMax, clock, metrics });
  const events: string[] = [];
  /** Asks, and notes when it was granted. */
  const ask = (name: string, bytes: number, lane: MemoryLane) => {
    const permit = permits.acquire({ bytes, lane });
    permit.then(() => events.push(name), () => events.push(`no ${name}`));
    return permit;
  };
  return { clock, metrics, permits, events, ask };
}

/** Lets what is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("MemoryPermits.acquire() lets small requests pass large ones that wait", async () => {
  const { permits, events, ask } = staged();
  const first = await ask("large 1", 75, "large");
  ask("large 2", 60, "large");
  ask("small 1", 10, "small");
  await settle();
  assert.deepEqual(events, ["large 1", "small 1"]);
  assert.equal(permits.usedBytes, 85);
  first.release();
  await settle();
  assert.deepEqual(events, ["large 1", "small 1", "large 2"]);
});

Deno.test("MemoryPermits.acquire() gives a large request its turn among ever new small ones", async () => {
  const { events, ask } = staged();
  const small: MemoryPermit[] = [];
  for (let count = 0; count < 10; count++) small.push(await ask("small", 10, "small"));
  ask("large", 75, "large");
  ask("late", 10, "small");
  for (const permit of small.slice(0, 7)) permit.release();
  await settle();
  assert.equal(
    events.includes("late"),
    false,
    "small ones keep to their quarter while a large waits",
  );
  small[7]!.release();
  await settle();
  assert.deepEqual(events.slice(10), ["large"]);
  small[8]!.release();
  await settle();
  assert.deepEqual(events.slice(10), ["large", "late"]);
});

Deno.test("MemoryPermits.acquire() keeps the order of each line", async () => {
  const { events, ask } = staged();
  const first = await ask("1", 75, "large");
  ask("2", 70, "large");
  ask("3", 1, "large");
  await settle();
  assert.deepEqual(events, ["1"], "whoever is smaller waits behind whoever came first");
  first.release();
  await settle();
  assert.deepEqual(events, ["1", "2", "3"]);
});

Deno.test("MemoryPermits.acquire() lets what is larger than the budget run alone", async () => {
  const { permits, ask } = staged();
  const huge = await ask("huge", 1_000_000, "large");
  assert.equal(huge.bytes, 75);
  assert.equal(permits.usedBytes, 75);
});

Deno.test("MemoryPermits.acquire() refuses after a bound, and when too many wait", async () => {
  const { clock, permits, ask } = staged();
  const first = await ask("1", 75, "large");
  const late = assert.rejects(ask("2", 75, "large"), { code: "exhausted" });
  await clock.advance(MEMORY_WAIT_MS_MAX);
  await late;
  const waiting = Array.from({ length: MEMORY_WAIT_COUNT_MAX }, () => ask("w", 1, "large"));
  // They end with the test.
  for (const one of waiting) one.catch(() => undefined);
  await settle();
  await assert.rejects(ask("one more", 75, "large"), { code: "exhausted" });
  assert.equal(permits.waitingCount, 0 + MEMORY_WAIT_COUNT_MAX);
  first.release();
  for (const one of waiting) (await one).release();
  assert.equal(permits.usedBytes, 0);
});

Deno.test("MemoryPermits.acquire() forgets a client that is gone, and admits who stood behind it", async () => {
  const { permits, events, ask } = staged();
  await ask("1", 50, "large");
  const client = new AbortController();
  const gone = permits.acquire({ bytes: 70, lane: "large", signal: client.signal });
  ask("2", 20, "large");
  client.abort(new Error("gone"));
  await assert.rejects(gone, /gone/);
  await settle();
  assert.deepEqual(events, ["1", "2"]);
  await assert.rejects(permits.acquire({ bytes: 1, lane: "small", signal: client.signal }), /gone/);
});

Deno.test("MemoryPermit.grow() never waits", async () => {
  const { permits, ask } = staged();
  const one = await ask("1", 10, "small");
  one.grow(20);
  assert.equal(permits.usedBytes, 30);
  assert.throws(() => one.grow(1000), { code: "exhausted" });
  one.shrink(25);
  assert.equal(permits.usedBytes, 5);
  one.release();
  one.release();
  assert.equal(permits.usedBytes, 0);
});

Deno.test("MemoryPermit.split() gives a part a life of its own", async () => {
  const { permits, ask } = staged();
  const whole = await ask("1", 25, "small");
  const part = whole.split(20);
  whole.release();
  assert.equal(permits.usedBytes, 20);
  assert.equal(part.split(1000).bytes, 20);
  assert.equal(part.bytes, 0);
});

Deno.test("MemoryPermits.isWanted tells when somebody has waited for long", async () => {
  const { clock, permits, ask } = staged();
  const first = await ask("1", 75, "large");
  const second = ask("2", 75, "large");
  assert.equal(permits.isWanted, false);
  await clock.advance(MEMORY_WANT_MS);
  assert.equal(permits.isWanted, true);
  first.release();
  (await second).release();
  assert.equal(permits.isWanted, false);
});

Deno.test("MemoryPermits tells operators what is out and what waits", async () => {
  const { metrics, ask } = staged();
  await ask("1", 75, "large");
  ask("2", 75, "large");
  await settle();
  const { body } = await metrics.render();
  assert.match(body, /^gitstratum_memory_permits_bytes 75$/m);
  assert.match(body, /^gitstratum_memory_permits_waiting 1$/m);
  assert.match(body, /^gitstratum_memory_permit_waits_total\{lane="large"\} 1$/m);
});

Deno.test("MemoryPermits never hands out more than there is, whatever is asked", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { permits } = staged();
    const random = new SeededRandom(seed);
    const draw = (max: number) => random.bytes(2)[0]! % max;
    const held: MemoryPermit[] = [];
    const asked: Promise<unknown>[] = [];
    for (let step = 0; step < 60; step++) {
      if (draw(3) > 0) {
        const lane = draw(2) === 0 ? "small" : "large";
        const bytes = 1 + draw(lane === "small" ? 20 : 120);
        asked.push(permits.acquire({ bytes, lane }).then((permit) => held.push(permit)));
      } else held.splice(draw(held.length + 1), 1)[0]?.release();
      await Promise.resolve();
      assert.ok(permits.usedBytes <= 100, `seed ${seed}, step ${step}: ${permits.usedBytes}`);
    }
    while (permits.waitingCount > 0 || held.length > 0) {
      held.splice(0).forEach((permit) => permit.release());
      await settle();
    }
    await Promise.all(asked);
    held.splice(0).forEach((permit) => permit.release());
    assert.equal(permits.usedBytes, 0);
  }
});
