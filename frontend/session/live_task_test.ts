import assert from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import { KEEP_ALIVE_MS, liveTask } from "./live_task.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const frameProgress = (line: string) => new TextEncoder().encode(`2:${line}`);
const keepAlive = new TextEncoder().encode("alive");

Deno.test("liveTask() yields progress as it comes and returns the value", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<number>();
  let report = (_: string) => {};
  const packets = liveTask((progress) => {
    report = progress;
    progress("one ");
    return gate.promise;
  }, { clock, frameProgress, keepAlive });
  assert.equal(text((await packets.next()).value as Uint8Array), "2:one ");
  report("two ");
  report("three");
  assert.equal(text((await packets.next()).value as Uint8Array), "2:two three");
  gate.resolve(7);
  assert.deepEqual(await packets.next(), { done: true, value: 7 });
});

Deno.test("liveTask() keeps a silent connection alive", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const packets = liveTask(() => gate.promise, { clock, frameProgress, keepAlive });
  for (let i = 0; i < 3; i++) {
    const next = packets.next();
    await clock.advance(KEEP_ALIVE_MS);
    assert.equal(text((await next).value as Uint8Array), "alive");
  }
  gate.resolve();
  assert.equal((await packets.next()).done, true);
});

Deno.test("liveTask() says nothing before the client listens", async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  const listening = Promise.withResolvers<void>();
  const packets = liveTask((progress) => {
    progress("early");
    return gate.promise;
  }, { clock, frameProgress, keepAlive, quietUntil: listening.promise });
  let arrived = false;
  const next = packets.next().then((result) => {
    arrived = true;
    return result;
  });
  await clock.advance(KEEP_ALIVE_MS * 2);
  assert.equal(arrived, false);
  listening.resolve();
  assert.equal(text((await next).value as Uint8Array), "2:early");
  gate.resolve();
  assert.equal((await packets.next()).done, true);
});

Deno.test("liveTask() throws the task's error after its last progress", async () => {
  const clock = new ManualClock();
  const packets = liveTask((progress) => {
    progress("last words");
    return Promise.reject(new Error("broken"));
  }, { clock, frameProgress, keepAlive });
  assert.equal(text((await packets.next()).value as Uint8Array), "2:last words");
  await assert.rejects(packets.next(), /broken/);
});

Deno.test("liveTask() waits for the task when the consumer stops", async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  let ended = false;
  const packets = liveTask(async (progress) => {
    progress("x");
    await new Promise((resolve) => abort.signal.addEventListener("abort", resolve));
    ended = true;
  }, { clock, frameProgress, keepAlive });
  await packets.next();
  abort.abort();
  await packets.return(undefined as never);
  assert.ok(ended);
});
