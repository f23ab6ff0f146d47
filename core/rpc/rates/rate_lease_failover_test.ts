import assert from "node:assert/strict";
import { GitStratumError } from "../../error.ts";
import { RATE_CALL_MS_MAX } from "../../limits.ts";
import { ManualClock } from "../../manual_clock.ts";
import { rateKey } from "../../rates/rate_subject.ts";
import { errorResponse } from "../error_response.ts";
import { RateLeaseFailover } from "./rate_lease_failover.ts";

const URLS = ["http://c-0.test", "http://c-1.test"];
const KEY = rateKey({ kind: "user", id: "ada" });
const SETTLEMENT = {
  frontend: "frontend-1",
  reports: [{ key: KEY, rule: { perSecond: 1, burst: 1 }, owed: 0, returned: 0, wanted: 1 }],
};

Deno.test("RateLeaseFailover.settle() goes on to the next node after a refusal, and stays there", async () => {
  const asked: string[] = [];
  const leases = new RateLeaseFailover({
    urls: URLS,
    clock: new ManualClock(),
    fetcher: (request) => {
      const { origin } = new URL(request.url);
      asked.push(origin);
      const refusal = new GitStratumError(
        "unavailable",
        "Leave limits to the elected control node",
      );
      if (origin === URLS[0]) return Promise.resolve(errorResponse(refusal));
      return Promise.resolve(Response.json({ grants: [{ key: KEY, granted: 1 }] }));
    },
  });
  await assert.rejects(leases.settle(SETTLEMENT), { code: "unavailable" });
  assert.equal((await leases.settle(SETTLEMENT)).grants[0]?.granted, 1);
  await leases.settle(SETTLEMENT);
  assert.deepEqual(asked, [URLS[0], URLS[1], URLS[1]]);
});

Deno.test("RateLeaseFailover.settle() waits for nobody for long", async () => {
  const clock = new ManualClock();
  const fetcher = () => new Promise<Response>(() => {});
  const leases = new RateLeaseFailover({ urls: URLS, clock, fetcher });
  const settled = assert.rejects(leases.settle(SETTLEMENT), { code: "unavailable" });
  await clock.advance(RATE_CALL_MS_MAX);
  await settled;
  assert.equal(clock.sleeping, 0);
});

Deno.test("RateLeaseFailover.settle() takes no answer of another shape", async () => {
  const fetcher = () => Promise.resolve(Response.json({ grants: [{ key: KEY, granted: -5 }] }));
  const leases = new RateLeaseFailover({ urls: URLS, clock: new ManualClock(), fetcher });
  await assert.rejects(leases.settle(SETTLEMENT), { code: "unavailable" });
});
