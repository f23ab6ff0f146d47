import assert from "node:assert/strict";
import type { LogData, Logger } from "../logger.ts";
import { silentLogger } from "../logger.ts";
import { ManualClock } from "../manual_clock.ts";
import { PrometheusMetrics } from "../metrics.ts";
import { type ConnectionHandler, withAccessLog } from "./access_log.ts";

function setUp(handle: ConnectionHandler) {
  const clock = new ManualClock();
  const metrics = new PrometheusMetrics();
  const lines: (LogData & { readonly level: string })[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (_, data) => void lines.push({ ...data, level: "info" }),
    warn: (_, data) => void lines.push({ ...data, level: "warn" }),
  };
  return { clock, metrics, lines, handler: withAccessLog(handle, { clock, logger, metrics }) };
}

Deno.test("withAccessLog() notes a request when its answer was taken", async () => {
  const { clock, metrics, lines, handler } = setUp(() =>
    new Response("body", {
      status: 201,
      headers: { "content-length": "4" },
    })
  );
  const completed = Promise.withResolvers<void>();
  const request = new Request("http://h/a/b?password=x", { method: "POST" });
  await handler(request, { remoteAddress: "10.0.0.1", completed: completed.promise });
  assert.deepEqual(lines, []);
  assert.match((await metrics.render()).body, /^gitstratum_http_requests_running 1$/m);
  await clock.advance(1500);
  completed.resolve();
  await completed.promise;
  assert.deepEqual(lines, [{
    level: "info",
    method: "POST",
    path: "/a/b",
    status: 201,
    durationMs: 1500,
    bytes: 4,
    remoteAddress: "10.0.0.1",
  }]);
  const { body } = await metrics.render();
  assert.match(body, /^gitstratum_http_requests_total\{method="POST",status="2xx"\} 1$/m);
  assert.match(body, /^gitstratum_http_request_seconds_sum\{method="POST"\} 1.5$/m);
  assert.match(body, /^gitstratum_http_requests_running 0$/m);
});

Deno.test("withAccessLog() warns of failures, and says when an answer was cut", async () => {
  const { lines, handler } = setUp(() => new Response(null, { status: 503 }));
  const completed = Promise.reject(new Error("gone"));
  await handler(new Request("http://h/a"), { completed });
  await completed.catch(() => {});
  const [line] = lines;
  assert.equal(line?.level, "warn");
  assert.equal(line?.cut, true);
});

Deno.test("withAccessLog() passes a failure on and notes it", async () => {
  const { metrics, lines, handler } = setUp(() => Promise.reject(new Error("bug")));
  await assert.rejects(
    async () => await handler(new Request("http://h/a", { method: "BREW" }), {}),
    /bug/,
  );
  assert.equal(lines[0]?.status, 500);
  const { body } = await metrics.render();
  assert.match(body, /^gitstratum_http_requests_total\{method="other",status="5xx"\} 1$/m);
});
