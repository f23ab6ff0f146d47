/**
 * Lends the cluster's limits out: a {@link RateLedger} that only the elected control node keeps.
 *
 * Fault model: the ledger is memory and begins anew with the first settlement of an office. What was
 * lent before is not known then, so a new ledger lends what came since it began; frontends spend their
 * shares until it is heard.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import { RateLedger } from "@gitstratum/core/rates";
import type { RateLeases, RateSettlement, RateSettlementAnswer } from "@gitstratum/core/rpc";

/** The world of a desk. */
export interface RateDeskOptions {
  /** Fills buckets. */
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Whether this control node is the elected one. */
  isElected(): boolean;
  /** No other process ever lends: nothing was lent before the first settlement. */
  readonly isAlone: boolean;
}

/** {@link RateLeases} of one control node. */
export class RateDesk implements RateLeases {
  readonly #options: RateDeskOptions;
  #ledger: RateLedger | undefined;

  /** Makes a desk that has lent nothing. */
  constructor(options: RateDeskOptions) {
    this.#options = options;
  }

  /** See {@link RateLeases.settle}. */
  settle(settlement: RateSettlement): Promise<RateSettlementAnswer> {
    const { clock, isAlone } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!this.#options.isElected()) {
      this.#ledger = undefined;
      return Promise.reject(
        new GitStratumError("unavailable", "Leave limits to the elected control node"),
      );
    }
    this.#ledger ??= new RateLedger({ nowMs, startsFull: isAlone });
    const grants = this.#ledger.settle(settlement.frontend, settlement.reports, nowMs);
    return Promise.resolve({ grants });
  }
}
