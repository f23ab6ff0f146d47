import assert from "node:assert/strict";
import { ManualClock } from "../manual_clock.ts";
import { EndpointMonitor } from "./endpoint_monitor.ts";

const ENDPOINT = "http://etcd-1.test:2379";

/** A monitor and what it asked, on a clock that stands still. */
class Stage {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly startMs = this.clock.monotonicMs();
  readonly checkedAtMs: number[] = [];
  servedAtMs = -Infinity;
  failure: Error | undefined;
  readonly monitor = new EndpointMonitor(() => {
    this.checkedAtMs.push(this.nowMs);
    return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
  }, { clock: this.clock, intervalMs: 3000, servedAtMs: () => this.servedAtMs });

  get nowMs(): number {
    return this.clock.monotonicMs() - this.startMs;
  }

  /** Lets the member answer something else every so often, up to a moment. */
  async serve(everyMs: number, untilMs: number): Promise<void> {
    while (this.nowMs < untilMs) {
      await this.clock.advance(everyMs);
      this.servedAtMs = this.clock.monotonicMs();
    }
  }
}

Deno.test("depend() checks a member that answers nothing else", async () => {
  const stage = new Stage();
  const release = stage.monitor.depend(ENDPOINT, () => assert.fail("It serves"));
  await stage.clock.advance(10_000);
  assert.deepEqual(stage.checkedAtMs, [3000, 6000, 9000]);
  release();
  await stage.clock.advance(10_000);
  assert.equal(stage.checkedAtMs.length, 3);
});

Deno.test("depend() asks nothing while a member serves, and soon after it has stopped", async () => {
  const stage = new Stage();
  const silences: unknown[] = [];
  stage.monitor.depend(ENDPOINT, (error) => silences.push(error));
  await stage.serve(700, 20_000);
  assert.deepEqual(stage.checkedAtMs, []);
  const stoppedMs = stage.nowMs;
  stage.failure = new Error("It stopped");
  await stage.clock.advance(2999);
  assert.deepEqual(stage.checkedAtMs, []);
  await stage.clock.advance(1);
  assert.deepEqual(stage.checkedAtMs, [stoppedMs + 3000]);
  assert.deepEqual(silences, [stage.failure]);
});
