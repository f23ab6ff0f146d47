import assert from "node:assert/strict";
import { RATE_REPORT_COUNT_MAX } from "../../limits.ts";
import { rateKey } from "../../rates/rate_subject.ts";
import { rateSettlementSchema } from "./rate_leases.ts";

const REPORT = {
  key: rateKey({ kind: "address", id: "192.0.2.1" }),
  rule: { perSecond: 10, burst: 20 },
  owed: 0,
  returned: 1.5,
  wanted: 3,
};

Deno.test("rateSettlementSchema takes what frontends say", () => {
  const settlement = { frontend: "frontend-1", reports: [REPORT] };
  assert.deepEqual(rateSettlementSchema.parse(JSON.parse(JSON.stringify(settlement))), settlement);
  const later = { ...settlement, reports: [{ ...REPORT, urgent: true }] };
  assert.deepEqual(rateSettlementSchema.parse(later), settlement, "a later release says more");
});

Deno.test("rateSettlementSchema refuses what makes no sense", () => {
  const tooMany = Array.from({ length: RATE_REPORT_COUNT_MAX + 1 }, () => REPORT);
  const bad = [
    {},
    { frontend: "../x", reports: [REPORT] },
    { frontend: "f", reports: tooMany },
    ...[
      { ...REPORT, key: "planet:mars" },
      { ...REPORT, owed: -1 },
      { ...REPORT, wanted: Infinity },
      { ...REPORT, rule: { perSecond: 0, burst: 1 } },
      { ...REPORT, rule: { perSecond: 1 } },
    ].map((report) => ({ frontend: "f", reports: [report] })),
  ];
  for (const settlement of bad) {
    assert.equal(
      rateSettlementSchema.safeParse(settlement).success,
      false,
      JSON.stringify(settlement).slice(0, 200),
    );
  }
});
