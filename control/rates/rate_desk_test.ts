import assert from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import { rateKey } from "@gitstratum/core/rates";
import { RateLeaseClient } from "@gitstratum/core/rpc";
import { RateDesk } from "./rate_desk.ts";
import { rateRoutes } from "./rate_routes.ts";

const KEY = rateKey({ kind: "address", id: "192.0.2.1" });
const RULE = { perSecond: 10, burst: 20 };

function report(change: { readonly owed?: number; readonly wanted?: number }) {
  return { key: KEY, rule: RULE, owed: 0, returned: 0, wanted: 0, ...change };
}

function staged(options: { readonly isAlone: boolean }) {
  const clock = new ManualClock();
  const office = { isElected: true };
  const desk = new RateDesk({ clock, isElected: () => office.isElected, isAlone: options.isAlone });
  const app = rateRoutes(desk);
  const client = new RateLeaseClient((request) => Promise.resolve(app.fetch(request)));
  return { clock, office, desk, client };
}

Deno.test("RateDesk.settle() lends over HTTP what is there", async () => {
  const { client } = staged({ isAlone: true });
  const { grants } = await client.settle({
    frontend: "frontend-1",
    reports: [report({ wanted: 5 })],
  });
  assert.deepEqual(grants, [{ key: KEY, granted: 5 }]);
});

Deno.test("RateDesk.settle() leaves it to the elected node, and begins anew in each office", async () => {
  const { clock, office, desk } = staged({ isAlone: false });
  const ask = () => desk.settle({ frontend: "frontend-1", reports: [report({ wanted: 50 })] });
  const granted = async () => (await ask()).grants[0]!.granted;
  assert.equal(await granted(), 0, "nobody knows what was lent before");
  await clock.advance(1000);
  assert.equal(await granted(), 10);
  office.isElected = false;
  await assert.rejects(ask(), { code: "unavailable" });
  office.isElected = true;
  await clock.advance(1000);
  assert.equal(await granted(), 0);
  await clock.advance(500);
  assert.equal(await granted(), 5);
});
