/**
 * What is counted of webhooks.
 *
 * @module
 */

import { DURATION_BUCKETS_S, type Metrics } from "@gitstratum/core/metrics";
import type { DeliveryState } from "@gitstratum/core/rpc";

/** Counts attempts. */
export class WebhookMetrics {
  readonly #metrics: Metrics;
  readonly #attempts;
  readonly #durations;

  /** Counts in a registry. */
  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#attempts = metrics.counter("gitstratum_webhook_attempts_total", {
      help: "Attempts at deliveries to webhooks, by the state that they left the delivery in.",
      labels: ["state"],
    });
    this.#durations = metrics.histogram("gitstratum_webhook_attempt_duration_seconds", {
      help: "Time from the beginning of an attempt to its outcome.",
      buckets: DURATION_BUCKETS_S,
    });
  }

  /** Shows how many deliveries are under way. */
  watch(count: () => number): void {
    this.#metrics.gauge("gitstratum_webhook_deliveries_under_way", {
      help: "Deliveries that run or wait for their turn at a host.",
      read: count,
    });
  }

  /** An attempt left its delivery in a state. */
  attempted(state: DeliveryState): void {
    this.#attempts.increment({ state });
  }

  /** An attempt took so many seconds. */
  lasted(seconds: number): void {
    this.#durations.observe(seconds);
  }
}
