/**
 * The contract by which frontends borrow from the cluster's limits, and its client.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError } from "../../error.ts";
import { RATE_REPORT_COUNT_MAX } from "../../limits.ts";
import type { RateGrant, RateReport } from "../../rates/rate_ledger.ts";
import { parseRateKey, type RateKey } from "../../rates/rate_subject.ts";
import type { Fetcher } from "../fetcher.ts";
import { JsonClient } from "../json_client.ts";

/** What a frontend tells at once. */
export interface RateSettlement {
  /** Who tells: the node's id, the same each time. */
  readonly frontend: string;
  /** At most `RATE_REPORT_COUNT_MAX`. */
  readonly reports: readonly RateReport[];
}

/** What it may spend now. */
export interface RateSettlementAnswer {
  /** For each report, in order. */
  readonly grants: readonly RateGrant[];
}

/** Lends the cluster's limits out; see `core/rates/`. */
export interface RateLeases {
  /**
   * Settles what a frontend spent, and lends it more. Not to be repeated when its outcome is unknown:
   * the next settlement tells what is owed again.
   *
   * @throws `unavailable` when another control node lends, or none does
   */
  settle(settlement: RateSettlement, signal?: AbortSignal): Promise<RateSettlementAnswer>;
}

const key = z.string().max(400).transform((text, context): RateKey => {
  try {
    return parseRateKey(text).key;
  } catch (error) {
    if (!(error instanceof GitStratumError)) throw error;
    context.addIssue({ code: "custom", message: "no key of a limit" });
    return z.NEVER;
  }
});
const tokens = z.number().min(0).max(1e12);
const rule = z.object({
  perSecond: z.number().positive().max(1e9),
  burst: z.number().min(1).max(1e9),
});

/** Schema of {@link RateSettlement}. */
export const rateSettlementSchema: z.ZodType<RateSettlement> = z.object({
  frontend: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  reports: z.array(
    z.object({ key, rule, owed: tokens, returned: tokens, wanted: tokens }),
  ).max(RATE_REPORT_COUNT_MAX),
}) as unknown as z.ZodType<RateSettlement>;

/** Schema of {@link RateSettlementAnswer}. */
export const rateSettlementAnswerSchema: z.ZodType<RateSettlementAnswer> = z.object({
  grants: z.array(z.object({ key, granted: tokens })).max(RATE_REPORT_COUNT_MAX),
}) as unknown as z.ZodType<RateSettlementAnswer>;

/** Where settlements are sent. */
export const RATE_SETTLEMENT_PATH = "/control/v1/rates/settlements";

/** {@link RateLeases} over a {@link Fetcher}. */
export class RateLeaseClient implements RateLeases {
  readonly #client: JsonClient;

  /** Makes a client; `baseUrl` has no slash at its end. */
  constructor(fetcher: Fetcher, options: { readonly baseUrl?: string } = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** See {@link RateLeases.settle}. */
  settle(settlement: RateSettlement, signal?: AbortSignal): Promise<RateSettlementAnswer> {
    return this.#client.call(RATE_SETTLEMENT_PATH, {
      body: settlement,
      schema: rateSettlementAnswerSchema,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}
