import assert from "node:assert/strict";
import { systemClock } from "@gitstratum/core";
import { serveHttp } from "@gitstratum/core/process";
import { giveAway } from "../pack_assembly/given_memory.ts";
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

/** Pieces of 256 KiB, each of one byte's value, given away as they are made. */
function givenPieces(count: number): { chunks: AsyncGenerator<Uint8Array>; made: Uint8Array[] } {
  const made: Uint8Array[] = [];
  const chunks = (async function* () {
    for (let number = 0; number < count; number++) {
      const piece = giveAway(new Uint8Array(256 * 1024).fill(number));
      made.push(piece);
      yield await Promise.resolve(piece);
    }
  })();
  return { chunks, made };
}

/** Asserts that bytes are those of {@link givenPieces}. */
function checkPieces(body: Uint8Array, count: number): void {
  assert.equal(body.length, count * 256 * 1024);
  for (let at = 0; at < body.length; at++) {
    if (body[at] !== at >> 18) assert.fail(`byte ${at} is ${body[at]}`);
  }
}

Deno.test("streamedResponse() gives memory back behind a socket, also one that is read slowly", async () => {
  const count = 100;
  const { chunks, made } = givenPieces(count);
  const server = serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    clock: systemClock,
    drainMs: 1000,
    handle: (_, info) =>
      streamedResponse(chunks, { ...options(), takesPieces: info.takesPieces === true }),
  });
  try {
    const response = await fetch(server.url);
    const parts: Uint8Array[] = [];
    for await (const part of response.body!) {
      parts.push(part);
      // Whatever the server can do before the next read, it does.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
    }
    checkPieces(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()), count);
    assert.deepEqual([...new Set(made.map(({ length }) => length))], [0]);
  } finally {
    await server.close();
  }
});

Deno.test("streamedResponse() leaves pieces to callers in this process, who may keep them", async () => {
  const { chunks } = givenPieces(4);
  checkPieces(await (await streamedResponse(chunks, options())).bytes(), 4);
});

Deno.test("streamedResponse() gives an answer that ended with its first chunk as it is", async () => {
  const chunks = (async function* () {
    yield await Promise.resolve(bytes(1, 2));
  })();
  const events: string[] = [];
  const turns = {
    begin: () => void events.push("begin"),
    end: () => void events.push("end"),
    close: () => void events.push("close"),
  };
  const server = serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    clock: systemClock,
    drainMs: 1000,
    handle: () => streamedResponse(chunks, { ...options(), turns }),
  });
  const response = await fetch(server.url);
  // A length instead of chunks: it is no stream any more.
  assert.equal(response.headers.get("content-length"), "2");
  assert.deepEqual(await response.bytes(), bytes(1, 2));
  assert.deepEqual(events, ["close"]);
  await server.close();
});

Deno.test("streamedResponse() waits for nothing behind the first chunk", async () => {
  const gate = Promise.withResolvers<void>();
  const chunks = (async function* () {
    yield bytes(1);
    await gate.promise;
    yield bytes(2);
  })();
  const reader = (await streamedResponse(chunks, options())).body!.getReader();
  assert.deepEqual((await reader.read()).value, bytes(1));
  gate.resolve();
  assert.deepEqual((await reader.read()).value, bytes(2));
  assert.equal((await reader.read()).done, true);
});
