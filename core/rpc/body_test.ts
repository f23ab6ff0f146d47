import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { heldBody, oneChunk, readBodyBytes } from "./body.ts";

/** Collects whatever nobody holds. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  for (let round = 0; round < 3; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function opened(url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  return heldBody(await fetch(new Request(url, { signal })));
}

Deno.test("heldBody() ends with its request's signal, though nobody else holds the response", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(3)),
    });
    return new Response(body);
  });
  const stop = new AbortController();
  const reader = (await opened(`http://127.0.0.1:${server.addr.port}`, stop.signal)).getReader();
  assert.equal((await reader.read()).value?.length, 3);
  const next = assert.rejects(reader.read());
  await collectGarbage();
  stop.abort(new Error("Stop"));
  await next;
  await server.shutdown();
});

Deno.test("heldBody() passes on bytes, the end and the wish to end", async () => {
  const text = await new Response(heldBody(new Response("some bytes"))).text();
  assert.equal(text, "some bytes");
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: () => void (isCancelled = true),
  });
  for await (const _ of heldBody(new Response(endless))) break;
  assert.ok(isCancelled);
});

Deno.test("oneChunk() reaches a reader of the same process without a copy", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const headers = { "content-length": "3" };
  assert.equal(
    await readBodyBytes(new Response(oneChunk(bytes), { headers }), { bytesMax: 3 }),
    bytes,
  );
  const long = new Response(oneChunk(bytes), { headers: { "content-length": "2" } });
  await assert.rejects(readBodyBytes(long, { bytesMax: 3 }), { code: "exhausted" });
  const short = new Response(oneChunk(bytes), { headers: { "content-length": "4" } });
  await assert.rejects(readBodyBytes(short, { bytesMax: 9 }), { code: "aborted" });
});
