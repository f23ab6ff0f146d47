import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { requestBody, toldBodyBytes } from "./request_body.ts";

function post(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://host/", { method: "POST", body, headers });
}

async function read(request: Request, bytesMax = 1_000_000): Promise<Uint8Array> {
  return await new Response(requestBody(request, { bytesMax })).bytes();
}

Deno.test("requestBody() passes plain and gzip bodies", async () => {
  const text = "0032want something\n".repeat(1000);
  const expected = new TextEncoder().encode(text);
  assert.deepEqual(await read(post(text)), expected);
  const gzip = new Uint8Array(gzipSync(text));
  assert.deepEqual(await read(post(gzip, { "content-encoding": "gzip" })), expected);
  assert.deepEqual(await read(post(gzip, { "content-encoding": "x-gzip" })), expected);
});

Deno.test("requestBody() of a request without body is empty", async () => {
  assert.equal((await read(new Request("http://host/"))).length, 0);
});

Deno.test("requestBody() counts decompressed bytes", async () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(10_000_000)));
  assert.ok(bomb.length < 20_000);
  await assert.rejects(read(post(bomb, { "content-encoding": "gzip" })), { code: "exhausted" });
});

Deno.test("requestBody() refuses a broken gzip stream", async () => {
  const gzip = new Uint8Array(gzipSync("some text that is long enough to be cut".repeat(50)));
  const cut = gzip.subarray(0, gzip.length - 12);
  await assert.rejects(read(post(cut, { "content-encoding": "gzip" })), { code: "invalid" });
  await assert.rejects(read(post("no gzip", { "content-encoding": "gzip" })), { code: "invalid" });
});

Deno.test("requestBody() refuses other encodings", () => {
  const request = post("x", { "content-encoding": "br" });
  assert.throws(() => requestBody(request, { bytesMax: 10 }), { code: "unsupported" });
});

Deno.test("requestBody() stops when it is told to", async () => {
  const abort = new AbortController();
  let cancelled = false;
  const waiting = Promise.withResolvers<void>();
  const endless = new ReadableStream({
    pull() {
      waiting.resolve();
      return new Promise<void>(() => {});
    },
    cancel: () => void (cancelled = true),
  });
  const request = new Request("http://host/", { method: "POST", body: endless });
  const reader = requestBody(request, { bytesMax: 10, signal: abort.signal }).getReader();
  const read = reader.read();
  await waiting.promise;
  abort.abort(new Error("enough"));
  await assert.rejects(read, /enough/);
  assert.ok(cancelled);
});

function told(body: BodyInit, bytes: number): Request {
  return post(body, { "content-length": String(bytes) });
}

Deno.test("toldBodyBytes() tells lengths of bodies that are sent as they are", () => {
  assert.equal(toldBodyBytes(told("x", 1)), 1);
  assert.equal(toldBodyBytes(post("x")), undefined);
  assert.equal(toldBodyBytes(post("x", { "content-length": "0x1" })), undefined);
  const gzip = { "content-length": "1", "content-encoding": "gzip" };
  assert.equal(toldBodyBytes(post("x", gzip)), undefined);
});

Deno.test("requestBody() reads a short body in one piece, at its client's turn", async () => {
  const events: string[] = [];
  const turns = {
    begin: () => void events.push("begin"),
    end: (bytes: number) => void events.push(`end ${bytes}`),
    close: () => void events.push("close"),
  };
  const chunks = await Array.fromAsync(
    requestBody(told("0000", 4), { bytesMax: 10, turns }),
    (chunk) => new TextDecoder().decode(chunk),
  );
  assert.deepEqual(chunks, ["0000"]);
  assert.deepEqual(events, ["begin", "end 4", "close"]);
});

Deno.test("requestBody() refuses a told length above the limit", async () => {
  await assert.rejects(read(told("12345", 5), 4), { code: "exhausted" });
});

Deno.test("requestBody() stops waiting for a short body, and says when one broke", async () => {
  const abort = new AbortController();
  const waiting = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const stalled = new ReadableStream({
    async pull() {
      waiting.resolve();
      await gate.promise;
      throw new Error("lost");
    },
  });
  const request = told(stalled, 9);
  const reader = requestBody(request, { bytesMax: 10, signal: abort.signal }).getReader();
  const reading = reader.read();
  await waiting.promise;
  abort.abort(new Error("enough"));
  await assert.rejects(reading, /enough/);
  // Nobody waits for it any more, and its failure disturbs nobody.
  gate.resolve();
  const broken = new ReadableStream({
    pull() {
      throw new Error("cut");
    },
  });
  await assert.rejects(read(told(broken, 9)), { code: "invalid" });
});
