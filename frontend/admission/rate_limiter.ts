/**
 * The limits of the cluster at one frontend: answers from what was borrowed, and borrows in the
 * background.
 *
 * Invariants: no request waits for the control plane, and no timer runs while nothing is asked for. One
 * settlement is under way at a time.
 *
 * Fault model: while nobody lends, each subject has its share of the limit here; what an unanswered
 * settlement told is told again.
 *
 * @module
 */

import {
  type Clock,
  hasCode,
  type Logger,
  RATE_REPORT_COUNT_MAX,
  RATE_SETTLE_MS,
} from "@gitstratum/core";
import type { Metrics } from "@gitstratum/core/metrics";
import { RatePurse, type RateRule, type RateRules, type RateSubject } from "@gitstratum/core/rates";
import type { RateLeases } from "@gitstratum/core/rpc";
import { tooManyRequests } from "./too_many_requests.ts";

/** The world of a limiter. */
export interface RateLimiterOptions {
  /** The limits; those that are absent do not hold. */
  readonly rules: RateRules;
  /** Who lends. */
  readonly leases: RateLeases;
  /** Who borrows: the node's id. */
  readonly frontend: string;
  /** Frontends that serve, this one included. */
  frontendCount(): number;
  /** Time. */
  readonly clock: Clock;
  /** Told when nobody lends, and when somebody does again. */
  readonly logger: Logger;
  /** Counts refusals. */
  readonly metrics: Metrics;
}

/** Lets requests through, or not. */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #purse = new RatePurse();
  readonly #stop = new AbortController();
  readonly #refused: ReturnType<Metrics["counter"]>;
  #settling: Promise<void> | undefined;
  #isAway = false;

  /** Makes a limiter that has borrowed nothing. */
  constructor(options: RateLimiterOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#refused = metrics.counter("gitstratum_rate_refusals_total", {
      help: "Requests that were refused because too many came, by what they were counted by.",
      labels: ["kind"],
    });
    metrics.gauge("gitstratum_rate_subjects", {
      help: "Addresses, users, tokens and repositories whose requests are counted now.",
      read: () => this.#purse.count,
    });
  }

  /**
   * Counts one request of all its subjects, by rules that are `factor` times as generous.
   *
   * @throws `exhausted` with `retryAfterS` when one of them has made too many; none is charged then
   */
  spend(subjects: readonly RateSubject[], { factor = 1 } = {}): void {
    const { clock } = this.#options;
    const moment = this.#moment(clock.monotonicMs());
    const charged: RateSubject[] = [];
    for (const subject of subjects) {
      const rule = this.#rule(subject, factor);
      if (rule === undefined) continue;
      const answer = this.#purse.spend(subject, rule, moment);
      if (answer.allowed) {
        charged.push(subject);
        continue;
      }
      for (const one of charged) this.#purse.refund(one);
      this.#refused.increment({ kind: subject.kind });
      this.#settleSoon();
      throw tooManyRequests({ kind: subject.kind, retryAfterMs: answer.retryAfterMs });
    }
    if (charged.length > 0) this.#settleSoon();
  }

  #rule({ kind }: RateSubject, factor: number): RateRule | undefined {
    const rule = this.#options.rules[kind];
    if (rule === undefined || factor === 1) return rule;
    return { perSecond: rule.perSecond * factor, burst: rule.burst * factor };
  }

  /** Stops borrowing. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#settling;
  }

  #moment(nowMs: number) {
    return { nowMs, frontendCount: this.#options.frontendCount() };
  }

  #settleSoon(): void {
    if (this.#stop.signal.aborted) return;
    this.#settling ??= this.#settleWhileChanged().finally(() => this.#settling = undefined);
  }

  /** Settles at intervals until there is nothing to tell. */
  async #settleWhileChanged(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    while (this.#purse.hasReports && !signal.aborted) {
      await this.#settle();
      // Aborted means closed.
      await clock.sleep(RATE_SETTLE_MS, signal).catch(() => undefined);
    }
  }

  async #settle(): Promise<void> {
    const { leases, frontend, clock, logger } = this.#options;
    const { signal } = this.#stop;
    const reports = this.#purse.reports(this.#moment(clock.monotonicMs()), RATE_REPORT_COUNT_MAX);
    try {
      const { grants } = await leases.settle({ frontend, reports }, signal);
      this.#purse.settled(grants);
      if (this.#isAway) logger.info("Borrow from the cluster's limits again");
      this.#isAway = false;
    } catch (error) {
      this.#purse.unsettled(reports);
      if (signal.aborted) return;
      const isBug = !hasCode(error, "unavailable") && !hasCode(error, "aborted");
      if (isBug) logger.error("Fail to settle limits", { error: String(error) });
      else if (!this.#isAway) logger.warn("Find nobody who lends limits", { error: String(error) });
      this.#isAway = true;
    }
  }
}
