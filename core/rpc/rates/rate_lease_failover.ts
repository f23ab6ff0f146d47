/**
 * The one control node that lends limits out, among several: found by asking one after the other.
 *
 * Each settlement is one attempt at one node. When that fails, the next settlement goes to the next
 * node: it follows a moment later and repeats what is owed, so there is no hurry.
 *
 * @module
 */

import { assert } from "../../assert.ts";
import type { Clock } from "../../clock.ts";
import { GitStratumError } from "../../error.ts";
import { RATE_CALL_MS_MAX } from "../../limits.ts";
import { WAIT_IS_OVER } from "../../wait_is_over.ts";
import type { Fetcher } from "../fetcher.ts";
import {
  RateLeaseClient,
  type RateLeases,
  type RateSettlement,
  type RateSettlementAnswer,
} from "./rate_leases.ts";

/** The world of the caller. */
export interface RateLeaseFailoverOptions {
  /** Base URLs of control nodes, at least one, without a slash at their end. */
  readonly urls: readonly string[];
  /** Carries requests to them; signs them where nodes authenticate. */
  readonly fetcher: Fetcher;
  /** Counts how long a call takes. */
  readonly clock: Clock;
}

/** {@link RateLeases} over several control nodes. */
export class RateLeaseFailover implements RateLeases {
  readonly #options: RateLeaseFailoverOptions;
  #index = 0;

  /** Asks the first node first. */
  constructor(options: RateLeaseFailoverOptions) {
    assert(options.urls.length > 0, "There is a control node to ask");
    this.#options = options;
  }

  /** See {@link RateLeases.settle}. */
  async settle(settlement: RateSettlement, signal?: AbortSignal): Promise<RateSettlementAnswer> {
    const { urls, fetcher, clock } = this.#options;
    const baseUrl = urls[this.#index % urls.length]!;
    const cut = new AbortController();
    const ended = new AbortController();
    const late = clock.sleep(RATE_CALL_MS_MAX, ended.signal).then(() => {
      const error = new GitStratumError("unavailable", "Wait no longer for a control node", {
        data: { url: baseUrl, timeoutMs: RATE_CALL_MS_MAX },
      });
      cut.abort(error);
      throw error;
    }, () => new Promise<never>(() => {}));
    const both = signal === undefined ? cut.signal : AbortSignal.any([cut.signal, signal]);
    try {
      const client = new RateLeaseClient(fetcher, { baseUrl });
      return await Promise.race([client.settle(settlement, both), late]);
    } catch (error) {
      this.#index++;
      throw error;
    } finally {
      ended.abort(WAIT_IS_OVER);
    }
  }
}
