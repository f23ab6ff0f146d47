/**
 * What every process counts about itself.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics.ts";

/** Adds the process's age and memory to `metrics`. */
export function addProcessMetrics(
  metrics: Metrics,
  options: { readonly clock: Clock; readonly memory: () => { readonly rss: number } },
): void {
  const { clock, memory } = options;
  const startMs = clock.monotonicMs();
  metrics.gauge("gitstratum_process_uptime_seconds", {
    help: "Time since the process started.",
    read: () => (clock.monotonicMs() - startMs) / 1000,
  });
  metrics.gauge("gitstratum_process_resident_bytes", {
    help: "Memory of the process that is in use.",
    read: () => memory().rss,
  });
}
