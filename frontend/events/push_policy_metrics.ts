/**
 * What is counted of questions about pushes.
 *
 * @module
 */

import { DURATION_BUCKETS_S, type Metrics } from "@gitstratum/core/metrics";

/** Counts verdicts. */
export class PushPolicyMetrics {
  readonly #verdicts;
  readonly #durations;

  /** Counts in a registry. */
  constructor(metrics: Metrics) {
    this.#verdicts = metrics.counter("gitstratum_push_policy_verdicts_total", {
      help: "Pushes that the policy service allowed or denied, or gave no verdict on.",
      labels: ["verdict"],
    });
    this.#durations = metrics.histogram("gitstratum_push_policy_duration_seconds", {
      help: "Time that pushes waited for the policy service.",
      buckets: DURATION_BUCKETS_S,
    });
  }

  /** A push was decided on. */
  answered(verdict: "allowed" | "denied" | "failed"): void {
    this.#verdicts.increment({ verdict });
  }

  /** A push waited so many seconds. */
  lasted(seconds: number): void {
    this.#durations.observe(seconds);
  }
}
