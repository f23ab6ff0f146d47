import assert from "node:assert/strict";
import { CONCURRENCY_WAIT_MS_MAX, ManualClock, MEMORY_WANT_MS } from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import type { ConcurrencyRules } from "@gitstratum/core/rates";
import { ConcurrencyLimiter } from "./concurrency_limiter.ts";

const ADA = { kind: "user", id: "ada" } as const;
const BOB = { kind: "user", id: "bob" } as const;
const TOOLS = { kind: "repository", id: "acme/tools" } as const;

function staged(rules: ConcurrencyRules = { user: { running: 2, waiting: 2 } }) {
  const clock = new ManualClock();
  const metrics = new PrometheusMetrics();
  const limiter = new ConcurrencyLimiter({ rules, clock, metrics });
  const { signal } = new AbortController();
  return { clock, metrics, limiter, signal };
}

/** Lets what is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Whether a promise has an outcome already. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  await settle();
  return await Promise.race([promise, Promise.resolve(pending)]) === pending;
}

Deno.test("ConcurrencyLimiter.acquire() lets so many run, the next wait in line, the rest go", async () => {
  const { limiter, signal } = staged();
  const first = await limiter.acquire([ADA], signal);
  await limiter.acquire([ADA], signal);
  const third = limiter.acquire([ADA], signal);
  const fourth = limiter.acquire([ADA], signal);
  await assert.rejects(limiter.acquire([ADA], signal), { code: "exhausted" });
  await limiter.acquire([BOB], signal);
  assert.equal(await isPending(third), true);
  first();
  (await third)();
  await fourth;
});

Deno.test("ConcurrencyLimiter.acquire() waits for nobody for ever", async () => {
  const { limiter, clock, signal } = staged({ user: { running: 1, waiting: 5 } });
  const first = await limiter.acquire([ADA], signal);
  const waiting = limiter.acquire([ADA], signal);
  const refused = assert.rejects(waiting, (error: { data: { retryAfterS: number } }) => {
    assert.ok(error.data.retryAfterS >= 1);
    return true;
  });
  await clock.advance(CONCURRENCY_WAIT_MS_MAX);
  await refused;
  first();
  // The place was not lost to whoever gave up.
  (await limiter.acquire([ADA], signal))();
  assert.equal(clock.sleeping, 0);
});

Deno.test("ConcurrencyLimiter.acquire() forgets a client that is gone", async () => {
  const { limiter, signal } = staged({ user: { running: 1, waiting: 1 } });
  const first = await limiter.acquire([ADA], signal);
  const client = new AbortController();
  const waiting = limiter.acquire([ADA], client.signal);
  client.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  const next = limiter.acquire([ADA], signal);
  first();
  (await next)();
});

Deno.test("ConcurrencyLimiter.acquire() hands a place on that came too late", async () => {
  const { limiter, signal } = staged({ user: { running: 1, waiting: 2 } });
  const first = await limiter.acquire([ADA], signal);
  const client = new AbortController();
  const waiting = limiter.acquire([ADA], client.signal);
  const next = limiter.acquire([ADA], signal);
  client.abort(new Error("gone"));
  first();
  await assert.rejects(waiting, /gone/);
  (await next)();
  (await limiter.acquire([ADA], signal))();
});

Deno.test("ConcurrencyLimiter.acquire() gives back what it had when a later subject refuses", async () => {
  const { limiter, signal } = staged({
    user: { running: 1, waiting: 0 },
    repository: { running: 1, waiting: 0 },
  });
  const other = await limiter.acquire([BOB, TOOLS], signal);
  await assert.rejects(limiter.acquire([ADA, TOOLS], signal), { code: "exhausted" });
  other();
  (await limiter.acquire([ADA, TOOLS], signal))();
});

Deno.test("ConcurrencyLimiter.isWanted tells when somebody has waited for long", async () => {
  const { limiter, clock, signal } = staged({ user: { running: 1, waiting: 1 } });
  const first = await limiter.acquire([ADA], signal);
  const waiting = limiter.acquire([ADA], signal);
  assert.equal(limiter.isWanted, false);
  await clock.advance(MEMORY_WANT_MS);
  assert.equal(limiter.isWanted, true);
  first();
  (await waiting)();
  assert.equal(limiter.isWanted, false);
});

Deno.test("ConcurrencyLimiter releases once, however often it is told", async () => {
  const { limiter, signal } = staged({ user: { running: 1, waiting: 0 } });
  const first = await limiter.acquire([ADA], signal);
  first();
  const second = await limiter.acquire([ADA], signal);
  first();
  await assert.rejects(limiter.acquire([ADA], signal), { code: "exhausted" });
  second();
});

Deno.test("ConcurrencyLimiter tells how many wait and how many were refused", async () => {
  const { limiter, metrics, signal } = staged({ user: { running: 1, waiting: 1 } });
  const first = await limiter.acquire([ADA], signal);
  const waiting = limiter.acquire([ADA], signal);
  await assert.rejects(limiter.acquire([ADA], signal));
  const { body } = await metrics.render();
  assert.match(body, /^gitstratum_concurrency_waiting 1$/m);
  assert.match(body, /^gitstratum_concurrency_refusals_total\{kind="user"\} 1$/m);
  first();
  (await waiting)();
});
