import assert from "node:assert/strict";
import { streamedResponse } from "./streamed_response.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function options() {
  const failures: unknown[] = [];
  return {
    headers: { "content-type": "x/y" },
    abort: new AbortController(),
    failures,
    onFailure: (error: unknown) => void failures.push(error),
  };
}

Deno.test("streamedResponse() sends all chunks", async () => {
  const chunks = (async function* () {
    yield await Promise.resolve(bytes(1, 2));
    yield bytes(3);
  })();
  const response = await streamedResponse(chunks, options());
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "x/y");
  assert.deepEqual(await response.bytes(), bytes(1, 2, 3));
});

Deno.test("streamedResponse() throws what fails before the first chunk", async () => {
  // deno-lint-ignore require-yield
  const chunks = (async function* () {
    throw await Promise.resolve(new Error("early"));
  })();
  await assert.rejects(streamedResponse(chunks, options()), /early/);
});

Deno.test("streamedResponse() breaks the body on a later failure", async () => {
  const given = options();
  const chunks = (async function* () {
    yield await Promise.resolve(bytes(1));
    throw new Error("late");
  })();
  const response = await streamedResponse(chunks, given);
  await assert.rejects(response.bytes(), /late/);
  assert.equal(given.failures.length, 1);
});

Deno.test("streamedResponse() produces nothing ahead of the reader", async () => {
  let produced = 0;
  const chunks = (async function* () {
    while (true) yield await Promise.resolve(bytes(++produced));
  })();
  const response = await streamedResponse(chunks, options());
  const reader = response.body!.getReader();
  await reader.read();
  await reader.read();
  assert.ok(produced <= 3, `${produced} chunks were produced for two reads`);
  await reader.cancel();
});

Deno.test("streamedResponse() releases the producer when it is aborted between two chunks", async () => {
  const given = options();
  const released = Promise.withResolvers<void>();
  const chunks = (async function* () {
    try {
      while (true) yield await Promise.resolve(bytes(1));
    } finally {
      released.resolve();
    }
  })();
  const response = await streamedResponse(chunks, given);
  const reader = response.body!.getReader();
  await reader.read();
  given.abort.abort(new Error("stop"));
  await assert.rejects(reader.read(), /stop/);
  await released.promise;
  assert.deepEqual(given.failures, []);
});

Deno.test("streamedResponse() tells when it is the client's turn", async () => {
  const turns: string[] = [];
  const chunks = (async function* () {
    yield await Promise.resolve(bytes(1, 2));
    yield bytes(3);
  })();
  const response = await streamedResponse(chunks, {
    ...options(),
    turns: {
      begin: () => void turns.push("begin"),
      end: (count) => void turns.push(`end ${count}`),
      close: () => void turns.push("close"),
    },
  });
  await response.bytes();
  assert.deepEqual(turns, ["end 0", "begin", "end 2", "begin", "end 1", "close"]);
});

Deno.test("streamedResponse() releases the producer when the client goes away", async () => {
  const given = options();
  let released = false;
  const chunks = (async function* () {
    try {
      while (true) yield await Promise.resolve(bytes(1));
    } finally {
      released = true;
    }
  })();
  const response = await streamedResponse(chunks, given);
  await response.body!.cancel();
  assert.ok(released);
  assert.ok(given.abort.signal.aborted);
  assert.deepEqual(given.failures, []);
});
