/**
 * The contract of `core/rpc/rates/rate_leases.ts` over HTTP.
 *
 * @module
 */

import { Hono } from "@hono/hono";
import {
  RATE_SETTLEMENT_PATH,
  type RateLeases,
  rateSettlementSchema,
  readJson,
} from "@gitstratum/core/rpc";

/** Routes that speak for `leases`; failures are the mounting app's to answer. */
export function rateRoutes(leases: RateLeases): Hono {
  const app = new Hono();
  app.post(RATE_SETTLEMENT_PATH, async (c) => {
    const settlement = await readJson(c.req.raw, rateSettlementSchema);
    return c.json(await leases.settle(settlement));
  });
  return app;
}
