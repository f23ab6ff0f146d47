import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import { networkFetcher } from "./network_fetcher.ts";

v8.setFlagsFromString("--expose-gc");
const collectGarbage: () => void = vm.runInNewContext("gc");

/** Enough that a few chains of signals which happen to survive can not make the test pass. */
const REQUEST_COUNT = 40;

/** A server whose bodies never end, and which never answers below `/hang`. */
function startServer() {
  const hanging = Promise.withResolvers<Response>();
  const chunk = new TextEncoder().encode("chunk");
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (request.url.endsWith("/hang")) return hanging.promise;
    return new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(chunk) }),
    );
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      hanging.resolve(new Response());
      await server.shutdown();
    },
  };
}

/** A request that carries a signal as those of routers do: through several hands. */
function requestOf(url: string, outer: AbortSignal): Request {
  const signal = AbortSignal.any([outer, new AbortController().signal]);
  return new Request(new Request(url, { signal }), { headers: { "x-test": "1" } });
}

async function readAll(body: ReadableStream<Uint8Array>, read: () => void): Promise<void> {
  for await (const _ of body) read();
}

Deno.test("networkFetcher() ends streams that are aborted after a garbage collection", async () => {
  await using server = startServer();
  const client = Deno.createHttpClient({});
  const fetcher = networkFetcher(client);
  const stop = new AbortController();
  const ends: Promise<void>[] = [];
  for (let n = 0; n < REQUEST_COUNT; n++) {
    const { body } = await fetcher(requestOf(server.url, stop.signal));
    const first = Promise.withResolvers<void>();
    ends.push(assert.rejects(readAll(body!, first.resolve)));
    await first.promise;
  }
  collectGarbage();
  stop.abort(new Error("enough"));
  await Promise.all(ends);
  client.close();
});

Deno.test("networkFetcher() ends requests without an answer after a garbage collection", async () => {
  await using server = startServer();
  const client = Deno.createHttpClient({});
  const fetcher = networkFetcher(client);
  const stop = new AbortController();
  const ends = Array.from(
    { length: REQUEST_COUNT },
    () => assert.rejects(fetcher(requestOf(`${server.url}/hang`, stop.signal)), /enough/),
  );
  collectGarbage();
  stop.abort(new Error("enough"));
  await Promise.all(ends);
  await assert.rejects(fetcher(requestOf(server.url, stop.signal)), /enough/);
  client.close();
});
