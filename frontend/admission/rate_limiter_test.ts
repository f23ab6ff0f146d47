import assert from "node:assert/strict";
import { GitStratumError, ManualClock, RATE_SETTLE_MS, silentLogger } from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { RateLedger, type RateRules } from "@gitstratum/core/rates";
import type { RateLeases, RateSettlement } from "@gitstratum/core/rpc";
import { RateLimiter } from "./rate_limiter.ts";

const ADA = { kind: "user", id: "ada" } as const;
const HOME = { kind: "address", id: "192.0.2.1" } as const;

/** Frontends over one ledger on a clock that stands still. */
class Stage {
  readonly clock = new ManualClock();
  readonly ledger = new RateLedger({ nowMs: 0, startsFull: true });
  readonly settlements: RateSettlement[] = [];
  readonly limiters: readonly RateLimiter[];
  isLedgerUp = true;
  readonly #leases: RateLeases = {
    settle: (settlement) => {
      this.settlements.push(settlement);
      const away = new GitStratumError("unavailable", "Reach a service");
      if (!this.isLedgerUp) return Promise.reject(away);
      const { frontend, reports } = settlement;
      const grants = this.ledger.settle(frontend, reports, this.clock.monotonicMs());
      return Promise.resolve({ grants });
    },
  };

  constructor(rules: RateRules, frontends = 1) {
    this.limiters = Array.from({ length: frontends }, (_, index) =>
      new RateLimiter({
        rules,
        leases: this.#leases,
        frontend: `frontend-${index}`,
        frontendCount: () => frontends,
        clock: this.clock,
        logger: silentLogger,
        metrics: new PrometheusMetrics(),
      }));
  }

  /** Whether a request of the subjects is let through. */
  passes(subjects: Parameters<RateLimiter["spend"]>[0], frontend = 0): boolean {
    try {
      this.limiters[frontend]!.spend(subjects);
      return true;
    } catch (error) {
      assert.ok(error instanceof GitStratumError && error.code === "exhausted");
      assert.ok(Number(error.data.retryAfterS) >= 1);
      return false;
    }
  }

  async close(): Promise<void> {
    for (const limiter of this.limiters) await limiter.close();
  }
}

Deno.test("RateLimiter.spend() counts only by rules that there are", async () => {
  const stage = new Stage({ address: { perSecond: 1, burst: 1 } });
  for (let count = 0; count < 100; count++) assert.equal(stage.passes([ADA]), true);
  assert.equal(stage.passes([HOME]), true);
  assert.equal(stage.passes([HOME]), false);
  await stage.close();
});

Deno.test("RateLimiter.spend() charges nobody for a request that another subject's limit refuses", async () => {
  const stage = new Stage({
    user: { perSecond: 1, burst: 2 },
    address: { perSecond: 1, burst: 1 },
  });
  assert.equal(stage.passes([ADA, HOME]), true);
  assert.equal(stage.passes([ADA, HOME]), false);
  assert.equal(stage.passes([ADA]), true);
  assert.equal(stage.passes([ADA]), false);
  await stage.close();
});

Deno.test("RateLimiter settles in the background while it is used, and then rests", async () => {
  const stage = new Stage({ user: { perSecond: 10, burst: 10 } });
  assert.equal(stage.clock.sleeping, 0);
  stage.passes([ADA]);
  for (let round = 0; round < 5; round++) await stage.clock.advance(RATE_SETTLE_MS);
  assert.ok(stage.settlements.length >= 1 && stage.settlements.length <= 3);
  assert.equal(stage.clock.sleeping, 0);
  await stage.close();
});

Deno.test("RateLimiter borrows what the other frontend does not use", async () => {
  const stage = new Stage({ user: { perSecond: 100, burst: 100 } }, 2);
  let passed = 0;
  for (let ms = 0; ms < 10_000; ms += 100) {
    for (let count = 0; count < 20; count++) if (stage.passes([ADA])) passed++;
    await stage.clock.advance(100);
  }
  assert.ok(Math.abs(passed - 1000) <= 100, `${passed} of 2000 requests within 10 % of 1000`);
  await stage.close();
});

Deno.test("RateLimiter has its share while nobody lends", async () => {
  const stage = new Stage({ user: { perSecond: 100, burst: 100 } }, 2);
  stage.isLedgerUp = false;
  for (let ms = 0; ms < 3000; ms += 100) {
    for (let count = 0; count < 20; count++) stage.passes([ADA]);
    await stage.clock.advance(100);
  }
  let passed = 0;
  for (let ms = 0; ms < 10_000; ms += 100) {
    for (let count = 0; count < 20; count++) if (stage.passes([ADA])) passed++;
    await stage.clock.advance(100);
  }
  assert.ok(Math.abs(passed - 500) <= 50, `${passed} of 2000 requests within 10 % of 500`);
  await stage.close();
});

Deno.test("RateLimiter.close() ends settlements", async () => {
  const stage = new Stage({ user: { perSecond: 10, burst: 10 } });
  stage.passes([ADA]);
  await stage.close();
  assert.equal(stage.clock.sleeping, 0);
  stage.passes([ADA]);
  assert.equal(stage.clock.sleeping, 0);
});
