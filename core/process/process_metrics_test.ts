import assert from "node:assert/strict";
import { ManualClock } from "../manual_clock.ts";
import { PrometheusMetrics } from "../metrics.ts";
import { addProcessMetrics } from "./process_metrics.ts";

Deno.test("addProcessMetrics() tells age and memory as they are when asked", async () => {
  const clock = new ManualClock();
  const metrics = new PrometheusMetrics();
  let rss = 1000;
  addProcessMetrics(metrics, { clock, memory: () => ({ rss }) });
  await clock.advance(2500);
  rss = 2000;
  const { body } = await metrics.render();
  assert.match(body, /^gitstratum_process_uptime_seconds 2.5$/m);
  assert.match(body, /^gitstratum_process_resident_bytes 2000$/m);
});
