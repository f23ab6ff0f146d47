import assert from "node:assert/strict";
import { ManualClock } from "./manual_clock.ts";

Deno.test("ManualClock.advance() wakes sleepers in order of their deadlines", async () => {
  const clock = new ManualClock(1_000);
  const woken: string[] = [];
  const sleepers = [30, 10, 20].map((ms) =>
    clock.sleep(ms).then(() => woken.push(`${ms}@${clock.monotonicMs()}`))
  );
  await clock.advance(25);
  assert.deepEqual(woken, ["10@10", "20@20"]);
  assert.equal(clock.nowMs(), 1_025);
  await clock.advance(5);
  await Promise.all(sleepers);
  assert.deepEqual(woken, ["10@10", "20@20", "30@30"]);
});

Deno.test("ManualClock.advance() runs sleeps that a woken sleeper starts", async () => {
  const clock = new ManualClock();
  const woken: number[] = [];
  const loop = (async () => {
    for (let round = 0; round < 3; round++) {
      await clock.sleep(10);
      woken.push(clock.monotonicMs());
    }
  })();
  await clock.advance(30);
  await loop;
  assert.deepEqual(woken, [10, 20, 30]);
});

Deno.test("ManualClock.sleep() rejects with the reason of an aborted signal", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleep = clock.sleep(10, controller.signal);
  controller.abort(new Error("Stop"));
  await assert.rejects(sleep, /Stop/);
  assert.equal(clock.sleeping, 0);
});

Deno.test("ManualClock.jumpWall() leaves monotonic time alone", () => {
  const clock = new ManualClock(500);
  clock.jumpWall(-200);
  assert.equal(clock.nowMs(), 300);
  assert.equal(clock.monotonicMs(), 0);
});
