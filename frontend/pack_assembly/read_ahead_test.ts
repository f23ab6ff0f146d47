import assert from "node:assert/strict";
import { readAhead } from "./read_ahead.ts";

async function* numbers(count: number, onReturn = () => {}): AsyncGenerator<number> {
  try {
    for (let i = 0; i < count; i++) yield await Promise.resolve(i);
  } finally {
    onReturn();
  }
}

Deno.test("readAhead() keeps order and bounds what runs at once", async () => {
  let running = 0;
  let peak = 0;
  const release: (() => void)[] = [];
  const perform = (item: number) => {
    running++;
    peak = Math.max(peak, running);
    const gate = Promise.withResolvers<number>();
    release.push(() => {
      running--;
      gate.resolve(item * 2);
    });
    return gate.promise;
  };
  const results: number[] = [];
  const consumer = (async () => {
    for await (const value of readAhead(numbers(10), perform, { ahead: 3 })) results.push(value);
  })();
  // Released in reverse, so that later tasks finish before earlier ones.
  while (results.length < 10) {
    await new Promise((resolve) => setTimeout(resolve));
    release.splice(0).reverse().forEach((finish) => finish());
  }
  await consumer;
  assert.deepEqual(results, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  assert.equal(peak, 3);
});

Deno.test("readAhead() closes its source when the consumer stops", async () => {
  let closed = false;
  let started = 0;
  const source = numbers(100, () => closed = true);
  const results = readAhead(source, (item) => Promise.resolve(started++ && item), { ahead: 4 });
  await results.next();
  await results.return(undefined);
  assert.ok(closed);
  assert.ok(started <= 5);
});

Deno.test("readAhead() fails in its turn and starts nothing more", async () => {
  let started = 0;
  const perform = (item: number) => {
    started++;
    return item === 2 ? Promise.reject(new Error("broken")) : Promise.resolve(item);
  };
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const value of readAhead(numbers(100), perform, { ahead: 2 })) seen.push(value);
  }, /broken/);
  assert.deepEqual(seen, [0, 1]);
  assert.ok(started <= 4);
});
