import assert from "node:assert/strict";
import { PrometheusMetrics } from "./metrics.ts";

Deno.test("Metrics.render() shows counters, gauges and histograms", async () => {
  const metrics = new PrometheusMetrics();
  const pushes = metrics.counter("gitstratum_pushes_total", {
    help: "Pushes.",
    labels: ["result"],
  });
  pushes.increment({ result: "accepted" });
  pushes.increment({ result: "accepted" }, 2);
  metrics.gauge("gitstratum_open_partitions", { help: "Partitions." }).set(7);
  metrics.histogram("gitstratum_push_seconds", { help: "Time.", buckets: [0.1, 1] }).observe(0.5);
  const { body, contentType } = await metrics.render();
  assert.match(contentType, /^text\/plain/);
  assert.match(body, /^gitstratum_pushes_total\{result="accepted"\} 3$/m);
  assert.match(body, /^gitstratum_open_partitions 7$/m);
  assert.match(body, /^gitstratum_push_seconds_bucket\{le="0\.1"\} 0$/m);
  assert.match(body, /^gitstratum_push_seconds_bucket\{le="1"\} 1$/m);
});

Deno.test("Metrics.gauge() asks for a value at each rendering", async () => {
  const metrics = new PrometheusMetrics();
  let value = 1;
  metrics.gauge("gitstratum_queue_length", { help: "Queue.", read: () => value });
  assert.match((await metrics.render()).body, /^gitstratum_queue_length 1$/m);
  value = 5;
  assert.match((await metrics.render()).body, /^gitstratum_queue_length 5$/m);
});

Deno.test("Metrics gives one metric for one name and keeps registries apart", async () => {
  const metrics = new PrometheusMetrics();
  const options = { help: "Things." };
  metrics.counter("gitstratum_things_total", options).increment();
  metrics.counter("gitstratum_things_total", options).increment();
  assert.match((await metrics.render()).body, /^gitstratum_things_total 2$/m);
  assert.equal((await new PrometheusMetrics().render()).body.trim(), "");
});

Deno.test("Metrics refuses names that break the rules", () => {
  const metrics = new PrometheusMetrics();
  assert.throws(() => metrics.counter("gitstratum_pushes", { help: "Things." }), /_total/);
  assert.throws(() => metrics.gauge("pushes", { help: "Things." }), /gitstratum_/);
  metrics.gauge("gitstratum_things_total", { help: "Things." });
  assert.throws(
    () => metrics.counter("gitstratum_things_total", { help: "Things." }),
    /one meaning/,
  );
});
