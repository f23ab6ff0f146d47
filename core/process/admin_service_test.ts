import assert from "node:assert/strict";
import { PrometheusMetrics } from "../metrics.ts";
import { AdminService, type Readiness } from "./admin_service.ts";

function setUp(token?: string) {
  const metrics = new PrometheusMetrics();
  metrics.counter("gitstratum_things_total", { help: "Things." }).increment();
  const state: { readiness: Readiness } = { readiness: { ready: true, status: "ok" } };
  const readiness = () => state.readiness;
  const service = new AdminService({
    metrics,
    readiness,
    ...(token === undefined ? {} : { token }),
  });
  const ask = (path: string, authorization?: string, host = "127.0.0.1:7000") =>
    service.fetch(
      new Request(`http://${host}${path}`, authorization ? { headers: { authorization } } : {}),
    );
  return { state, ask };
}

Deno.test("AdminService tells health, readiness and metrics", async () => {
  const { state, ask } = setUp();
  assert.deepEqual(await (await ask("/healthz")).json(), { status: "ok" });
  assert.equal((await ask("/readyz")).status, 200);
  state.readiness = { ready: false, status: "draining", facts: { requests: 2 } };
  const draining = await ask("/readyz");
  assert.equal(draining.status, 503);
  assert.deepEqual(await draining.json(), { status: "draining", requests: 2 });
  assert.equal((await ask("/healthz")).status, 200);
  const metrics = await ask("/metrics");
  assert.match(metrics.headers.get("content-type")!, /^text\/plain/);
  assert.match(await metrics.text(), /^gitstratum_things_total 1$/m);
  assert.equal((await ask("/else")).status, 404);
});

Deno.test("AdminService tells strangers a bare verdict, where it has a token", async () => {
  const { state, ask } = setUp("abcdef");
  state.readiness = { ready: false, status: "joining" };
  for (
    const authorization of [undefined, "Bearer abcde", "Bearer abcdefg", "Basic abcdef", "Bearer"]
  ) {
    const ready = await ask("/readyz", authorization);
    assert.equal(ready.status, 503);
    assert.equal(await ready.text(), "");
    const metrics = await ask("/metrics", authorization);
    assert.equal(metrics.status, 401);
    assert.doesNotMatch(await metrics.text(), /gitstratum/);
  }
  assert.match(await (await ask("/metrics", "Bearer abcdef")).text(), /gitstratum_things_total/);
  assert.deepEqual(await (await ask("/readyz", "bearer abcdef")).json(), { status: "joining" });
});

Deno.test("AdminService without a token tells nothing to a name that somebody made lead here", async () => {
  const { ask } = setUp();
  assert.equal(await (await ask("/readyz", undefined, "evil.example")).text(), "");
  const metrics = await ask("/metrics", undefined, "evil.example");
  assert.equal(metrics.status, 403);
  assert.doesNotMatch(await metrics.text(), /gitstratum/);
  const guarded = setUp("abcdef");
  assert.equal((await guarded.ask("/metrics", "Bearer abcdef", "metrics.example")).status, 200);
});
