/**
 * Makes the admission of a frontend from its settings.
 *
 * @module
 */

import {
  ADDRESS_BEGINNING_COUNT_MAX,
  ADDRESS_WAITING_COUNT_MAX,
  type AdmissionLimits,
  type Clock,
  type Logger,
} from "@gitstratum/core";
import type { Metrics } from "@gitstratum/core/metrics";
import { type ConcurrencyRules, RateLedger } from "@gitstratum/core/rates";
import type { RateLeases } from "@gitstratum/core/rpc";
import type { Releases } from "@gitstratum/core/process";
import { Admission } from "./admission.ts";
import { ConcurrencyLimiter } from "./concurrency_limiter.ts";
import { RateLimiter } from "./rate_limiter.ts";

/** Who lends the cluster's limits, and to whom. */
export interface RateGround {
  /** Lends. */
  readonly leases: RateLeases;
  /** The frontend's id. */
  readonly frontend: string;
  /** Frontends that serve, this one included. */
  frontendCount(): number;
}

/** The world of an admission. */
export interface OpenAdmissionOptions {
  /** Absent = the limits are this process's own. */
  readonly rates?: RateGround;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Ends what runs in the background. */
  readonly releases: Releases;
}

const BEGINNINGS: ConcurrencyRules = {
  address: { running: ADDRESS_BEGINNING_COUNT_MAX, waiting: ADDRESS_WAITING_COUNT_MAX },
};

/** Opens an admission. */
export function openAdmission(limits: AdmissionLimits, options: OpenAdmissionOptions): Admission {
  const { clock, metrics, releases } = options;
  const { rates = ownRates(clock) } = options;
  const limiter = new RateLimiter({ ...options, ...rates, rules: limits.rates });
  releases.add(() => limiter.close());
  const concurrency = new ConcurrencyLimiter({ rules: limits.concurrency, clock, metrics });
  const areAddressesLimited = [limits.rates, limits.concurrency].some(({ address }) => address);
  return new Admission({
    rates: limiter,
    concurrency,
    clock,
    ...(areAddressesLimited && {
      beginnings: new ConcurrencyLimiter({ rules: BEGINNINGS, clock, metrics }),
    }),
  });
}

/** Limits of a frontend that nobody shares them with. */
function ownRates(clock: Clock): RateGround {
  const ledger = new RateLedger({ nowMs: clock.monotonicMs(), startsFull: true });
  const leases: RateLeases = {
    settle: ({ frontend, reports }) =>
      Promise.resolve({ grants: ledger.settle(frontend, reports, clock.monotonicMs()) }),
  };
  return { leases, frontend: "frontend", frontendCount: () => 1 };
}
