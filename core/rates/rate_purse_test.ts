import assert from "node:assert/strict";
import { RATE_PURSE_KEY_COUNT_MAX, RATE_REPORT_COUNT_MAX, RATE_SETTLE_MS } from "../limits.ts";
import { SeededRandom } from "../seeded_random.ts";
import { RateLedger } from "./rate_ledger.ts";
import { RatePurse } from "./rate_purse.ts";
import type { RateRule } from "./rate_rule.ts";

const SUBJECT = { kind: "user", id: "ada" } as const;
const ALONE = (nowMs: number) => ({ nowMs, frontendCount: 1 });

/** How many of `count` requests are let through at once. */
function spend(
  purse: RatePurse,
  count: number,
  options: { rule: RateRule; nowMs: number; frontends?: number },
) {
  const moment = { nowMs: options.nowMs, frontendCount: options.frontends ?? 1 };
  let allowed = 0;
  for (let at = 0; at < count; at++) {
    if (purse.spend(SUBJECT, options.rule, moment).allowed) allowed++;
  }
  return allowed;
}

/** Frontends that settle with a ledger by turns, on simulated time. */
class Cluster {
  readonly purses: readonly RatePurse[];
  readonly ledger: RateLedger;
  isLedgerUp = true;
  nowMs = 0;
  readonly #rule: RateRule;
  readonly #random: SeededRandom;

  constructor(rule: RateRule, options: { readonly frontends: number; readonly seed: number }) {
    this.#rule = rule;
    this.#random = new SeededRandom(options.seed);
    this.purses = Array.from({ length: options.frontends }, () => new RatePurse());
    this.ledger = new RateLedger({ nowMs: 0, startsFull: true });
  }

  /** Requests of so long, at `demand(frontend)` in a second each; how many were let through. */
  run(ms: number, demand: (frontend: number, nowMs: number) => number): number {
    let allowed = 0;
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++) {
      for (const [index, purse] of this.purses.entries()) {
        const count = this.#poisson(demand(index, this.nowMs) / 1000);
        allowed += spend(purse, count, {
          rule: this.#rule,
          nowMs: this.nowMs,
          frontends: this.purses.length,
        });
        if (this.nowMs % RATE_SETTLE_MS === index * 7) this.#settle(purse, `frontend-${index}`);
      }
    }
    return allowed;
  }

  #settle(purse: RatePurse, name: string): void {
    const moment = { nowMs: this.nowMs, frontendCount: this.purses.length };
    const reports = purse.reports(moment, RATE_REPORT_COUNT_MAX);
    if (this.isLedgerUp) purse.settled(this.ledger.settle(name, reports, this.nowMs));
    else purse.unsettled(reports);
  }

  /** How often something of this rate happens in one step. */
  #poisson(mean: number): number {
    let count = 0;
    for (let left = Math.exp(-mean), product = 1;;) {
      product *= (this.#random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) + 1) / 2 ** 32;
      if (product < left) return count;
      count++;
    }
  }
}

function assertWithin(found: number, wanted: number, share: number): void {
  assert.ok(
    Math.abs(found - wanted) <= wanted * share,
    `${found} is within ${share * 100} % of ${wanted}`,
  );
}

Deno.test("RatePurse.spend() begins with a share of the burst, without asking", () => {
  const rule = { perSecond: 10, burst: 30 };
  assert.equal(spend(new RatePurse(), 100, { rule, nowMs: 0, frontends: 3 }), 10);
  assert.equal(
    spend(new RatePurse(), 100, { rule: { perSecond: 1, burst: 1 }, nowMs: 0, frontends: 3 }),
    1,
  );
});

Deno.test("RatePurse.spend() says when to come again", () => {
  const purse = new RatePurse();
  const rule = { perSecond: 0.5, burst: 1 };
  assert.deepEqual(purse.spend(SUBJECT, rule, ALONE(0)), { allowed: true });
  assert.deepEqual(purse.spend(SUBJECT, rule, ALONE(0)), { allowed: false, retryAfterMs: 2000 });
});

Deno.test("RatePurse.refund() lets somebody else have the token", () => {
  const purse = new RatePurse();
  const rule = { perSecond: 1, burst: 1 };
  purse.spend(SUBJECT, rule, ALONE(0));
  purse.refund(SUBJECT);
  assert.equal(spend(purse, 5, { rule, nowMs: 0 }), 1);
});

Deno.test("RatePurse tells debts once, and again when nobody heard of them", () => {
  const purse = new RatePurse();
  const rule = { perSecond: 10, burst: 30 };
  spend(purse, 3, { rule, nowMs: 0, frontends: 3 });
  const moment = { nowMs: 100, frontendCount: 3 };
  const reports = purse.reports(moment, 10);
  assert.equal(reports[0]?.owed, 10);
  assert.equal(purse.reports(moment, 10)[0]?.owed, 0, "told once more that nothing is wanted");
  purse.unsettled(reports);
  assert.equal(purse.reports(moment, 10)[0]?.owed, 10);
});

Deno.test("RatePurse has nothing to report once everything was told", () => {
  const purse = new RatePurse();
  spend(purse, 3, { rule: { perSecond: 10, burst: 30 }, nowMs: 0 });
  for (let round = 0; round < 3; round++) purse.settled([]), purse.reports(ALONE(round * 100), 10);
  assert.equal(purse.hasReports, false);
});

Deno.test("RatePurse knows a bounded number of subjects", () => {
  const purse = new RatePurse();
  const rule = { perSecond: 10, burst: 30 };
  for (let index = 0; index < RATE_PURSE_KEY_COUNT_MAX + 5; index++) {
    purse.spend({ kind: "address", id: String(index) }, rule, ALONE(0));
  }
  assert.equal(purse.count, RATE_PURSE_KEY_COUNT_MAX);
});

const SKEWS: Readonly<Record<string, (frontend: number, nowMs: number) => number>> = {
  "even demand": () => 200,
  "all demand at one frontend": (frontend) => frontend === 0 ? 500 : 0,
  "demand of 90, 8 and 2 in a hundred": (frontend) => [450, 40, 10][frontend]!,
  "demand that moves from frontend to frontend": (frontend, nowMs) =>
    Math.floor(nowMs / 2000) % 3 === frontend ? 400 : 5,
  "demand just above the limit": () => 40,
};

for (const [name, demand] of Object.entries(SKEWS)) {
  Deno.test(`RatePurse keeps the limit within 10 % over three frontends: ${name}`, () => {
    const cluster = new Cluster({ perSecond: 100, burst: 100 }, { frontends: 3, seed: 7 });
    const burst = cluster.run(5000, demand);
    assert.ok(burst <= 200 + 500, `bursts and five seconds let ${burst} through`);
    assertWithin(cluster.run(30_000, demand), 3000, 0.1);
  });
}

Deno.test("RatePurse refuses nothing below the limit, wherever it is asked", () => {
  for (const [name, demand] of Object.entries(SKEWS)) {
    const cluster = new Cluster({ perSecond: 2000, burst: 4000 }, { frontends: 3, seed: 11 });
    cluster.run(20_000, demand);
    const refused = cluster.purses.some((purse) =>
      !purse.spend(SUBJECT, { perSecond: 2000, burst: 4000 }, {
        nowMs: cluster.nowMs,
        frontendCount: 3,
      }).allowed
    );
    assert.equal(refused, false, name);
  }
});

Deno.test("RatePurse keeps a share of the limit while the ledger is away, and the limit after it", () => {
  const cluster = new Cluster({ perSecond: 100, burst: 100 }, { frontends: 3, seed: 3 });
  const even = () => 200;
  cluster.run(5000, even);
  cluster.isLedgerUp = false;
  cluster.run(2000, even);
  assertWithin(cluster.run(20_000, even), 2000, 0.1);
  // One frontend alone has its share, not the whole.
  assertWithin(cluster.run(20_000, (frontend) => frontend === 0 ? 500 : 0), 20 * 100 / 3, 0.1);
  cluster.isLedgerUp = true;
  const back = cluster.run(2000, even);
  assert.ok(back <= 200 + 100 + 50, `the ledger's return let ${back} through in two seconds`);
  assertWithin(cluster.run(20_000, even), 2000, 0.1);
});

Deno.test("RatePurse together spends at most a second burst ahead of its time, and pays it back", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const cluster = new Cluster({ perSecond: 50, burst: 80 }, { frontends: 4, seed });
    const demand = (frontend: number, nowMs: number) => (seed * 37 + frontend * 101 + nowMs) % 300;
    const early = cluster.run(1000, demand);
    assert.ok(early <= 2 * 80 + 50, `seed ${seed} let ${early} through in a second`);
    const late = cluster.run(9000, demand);
    assert.ok(early + late <= 80 + 50 * 10 + 1, `seed ${seed} let ${early + late} through`);
  }
});
