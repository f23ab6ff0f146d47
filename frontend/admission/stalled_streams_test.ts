import assert from "node:assert/strict";
import {
  ManualClock,
  MEMORY_WANT_MS,
  STREAM_IDLE_MS_MAX,
  STREAM_PROGRESS_BYTES_MIN,
  STREAM_STALL_MS_MAX,
} from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { StalledStreams } from "./stalled_streams.ts";

function staged() {
  const clock = new ManualClock();
  const world = { isWanted: true };
  const metrics = new PrometheusMetrics();
  const streams = new StalledStreams({ clock, metrics, isWanted: () => world.isWanted });
  const ended: string[] = [];
  const watch = (name: string) => streams.watch(() => ended.push(name));
  /** Lets time pass in steps, so that the watch looks in between. */
  const pass = async (ms: number) => {
    for (let done = 0; done < ms; done += MEMORY_WANT_MS) await clock.advance(MEMORY_WANT_MS);
  };
  return { clock, world, streams, ended, watch, pass };
}

Deno.test("StalledStreams end a stream whose client takes nothing, when others wait", async () => {
  const { ended, watch, pass, streams } = staged();
  const stalled = watch("stalled");
  const computing = watch("computing");
  stalled.begin();
  await pass(STREAM_STALL_MS_MAX - MEMORY_WANT_MS);
  assert.deepEqual(ended, []);
  await pass(2 * MEMORY_WANT_MS);
  assert.deepEqual(ended, ["stalled"]);
  stalled.close();
  computing.close();
  assert.equal(streams.count, 0);
});

Deno.test("StalledStreams let clients be slow while nobody waits", async () => {
  const { ended, watch, pass, world } = staged();
  world.isWanted = false;
  const stalled = watch("stalled");
  stalled.begin();
  await pass(3 * STREAM_STALL_MS_MAX);
  assert.deepEqual(ended, []);
  world.isWanted = true;
  await pass(MEMORY_WANT_MS);
  assert.deepEqual(ended, ["stalled"]);
});

Deno.test("StalledStreams end a stream that is idle for long, though nobody waits", async () => {
  const { clock, ended, watch, world } = staged();
  world.isWanted = false;
  watch("idle").begin();
  await clock.advance(STREAM_IDLE_MS_MAX);
  await clock.advance(MEMORY_WANT_MS);
  assert.deepEqual(ended, ["idle"]);
});

Deno.test("StalledStreams are not deceived by a byte now and then", async () => {
  const { ended, watch, pass } = staged();
  const trickle = watch("trickle");
  const steady = watch("steady");
  for (let ms = 0; ms < 2 * STREAM_STALL_MS_MAX; ms += 5000) {
    trickle.begin();
    steady.begin();
    await pass(5000);
    trickle.end(1);
    steady.end(STREAM_PROGRESS_BYTES_MIN / 2);
  }
  assert.deepEqual(ended, ["trickle"]);
  steady.close();
});

Deno.test("StalledStreams look at nothing once all streams have ended", async () => {
  const { clock, watch, pass } = staged();
  const first = watch("first");
  await pass(MEMORY_WANT_MS);
  first.close();
  await pass(MEMORY_WANT_MS);
  assert.equal(clock.sleeping, 0);
  const second = watch("second");
  await clock.advance(0);
  assert.equal(clock.sleeping, 1);
  second.close();
});
