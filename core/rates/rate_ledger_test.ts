import assert from "node:assert/strict";
import { RATE_LEDGER_KEY_COUNT_MAX } from "../limits.ts";
import { RateLedger } from "./rate_ledger.ts";
import { type RateKey, rateKey } from "./rate_subject.ts";

const KEY = rateKey({ kind: "user", id: "ada" });
const RULE = { perSecond: 10, burst: 20 };

function report(change: { key?: RateKey; owed?: number; returned?: number; wanted?: number }) {
  return { key: KEY, rule: RULE, owed: 0, returned: 0, wanted: 0, ...change };
}

function settled(
  ledger: RateLedger,
  frontend: string,
  change: Parameters<typeof report>[0],
  nowMs = 0,
) {
  return ledger.settle(frontend, [report(change)], nowMs)[0]!.granted;
}

Deno.test("RateLedger.settle() grants what is wanted while there is enough", () => {
  const ledger = new RateLedger({ nowMs: 0, startsFull: true });
  assert.equal(settled(ledger, "one", { wanted: 5 }), 5);
  assert.equal(ledger.level(KEY, 0), 15);
});

Deno.test("RateLedger.settle() shares out by what all want", () => {
  const ledger = new RateLedger({ nowMs: 0, startsFull: true });
  settled(ledger, "one", { wanted: 0, owed: 20 });
  assert.equal(settled(ledger, "one", { wanted: 30 }, 100), 1);
  assert.equal(settled(ledger, "two", { wanted: 10 }, 200), 0.25);
  // What the first one wanted is still heard of, then it is over.
  assert.equal(settled(ledger, "two", { wanted: 10 }, 900), 7.75);
});

Deno.test("RateLedger.settle() takes debts off and returns back", () => {
  const ledger = new RateLedger({ nowMs: 0, startsFull: true });
  settled(ledger, "one", { owed: 25 });
  assert.equal(ledger.level(KEY, 0), -5);
  assert.equal(settled(ledger, "one", { wanted: 3 }), 0);
  settled(ledger, "one", { returned: 7 });
  assert.equal(ledger.level(KEY, 0), 2);
});

Deno.test("RateLedger that follows another lends only what came since it began", () => {
  const ledger = new RateLedger({ nowMs: 1000, startsFull: false });
  assert.equal(settled(ledger, "one", { wanted: 20 }, 1500), 5);
});

Deno.test("RateLedger.settle() follows a rule that changed", () => {
  const ledger = new RateLedger({ nowMs: 0, startsFull: true });
  settled(ledger, "one", {});
  ledger.settle("one", [{ ...report({}), rule: { perSecond: 1, burst: 4 } }], 0);
  assert.equal(ledger.level(KEY, 0), 4);
});

Deno.test("RateLedger knows a bounded number of subjects", () => {
  const ledger = new RateLedger({ nowMs: 0, startsFull: true });
  const keys = Array.from(
    { length: RATE_LEDGER_KEY_COUNT_MAX + 10 },
    (_, index) => rateKey({ kind: "address", id: String(index) }),
  );
  for (const key of keys) ledger.settle("one", [report({ key })], 0);
  assert.equal(ledger.count, RATE_LEDGER_KEY_COUNT_MAX);
  assert.equal(ledger.level(keys[0]!, 0), undefined);
  assert.equal(ledger.level(keys.at(-1)!, 0), 20);
});
