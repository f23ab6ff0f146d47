import assert from "node:assert/strict";
import { settledSoon } from "./settled_soon.ts";

async function* nested(depth: number, wait: Promise<void>): AsyncGenerator<number> {
  if (depth > 0) yield* nested(depth - 1, wait);
  else await wait;
}

Deno.test("settledSoon() sees through a dozen generators that wait for nothing", async () => {
  assert.equal(await settledSoon(nested(12, Promise.resolve()).next()), true);
});

Deno.test("settledSoon() does not wait for what waits", async () => {
  const gate = Promise.withResolvers<void>();
  const waiting = nested(3, gate.promise).next();
  assert.equal(await settledSoon(waiting), false);
  gate.resolve();
  assert.equal((await waiting).done, true);
});

Deno.test("settledSoon() takes a rejection for settled, and leaves it to its owner", async () => {
  const failed = Promise.reject(new Error("lost"));
  assert.equal(await settledSoon(failed), true);
  await assert.rejects(failed, /lost/);
});
