import assert from "node:assert/strict";
import { WATCH_PATH } from "../consensus/etcd_wire.ts";
import { openEtcdFetcher } from "./etcd_fetcher.ts";

const CALL = "/call";
const MEGABYTE = 1 << 20;

/** A server of HTTP/2 on a port of its own, and a fetcher to it. */
function over(handler: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  const url = `http://127.0.0.1:${server.addr.port}`;
  const etcd = openEtcdFetcher();
  return {
    ask: (path: string, init: RequestInit = {}) =>
      etcd.fetcher(new Request(url + path, { method: "POST", body: "question", ...init })),
    async [Symbol.asyncDispose]() {
      etcd.close();
      await server.shutdown();
    },
  };
}

/** Takes connections and says nothing; tells of each. */
function silentServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.TcpConn[] = [];
  let arrived = Promise.withResolvers<void>();
  const accepting = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      arrived.resolve();
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    async taken(count: number) {
      while (connections.length < count) {
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
      return connections.length;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of connections) connection.close();
    },
  };
}

Deno.test("openEtcdFetcher() carries a request, and the head and the body of its answer", async () => {
  await using etcd = over(async (request) => {
    const { pathname } = new URL(request.url);
    const told = [request.method, pathname, request.headers.get("te"), await request.text()];
    return new Response(told.join(" "), { status: 203, headers: { "x-told": "yes" } });
  });
  const response = await etcd.ask(CALL, { headers: { te: "trailers" } });
  assert.deepEqual([response.status, response.headers.get("x-told")], [203, "yes"]);
  assert.equal(await response.text(), "POST /call trailers question");
});

Deno.test("openEtcdFetcher() carries bodies larger than any window, many at a time", async () => {
  await using etcd = over((request) => new Response(request.body));
  const sent = Array.from({ length: 8 }, (_, n) => new Uint8Array(2 * MEGABYTE).fill(n));
  await Promise.all(sent.map(async (body) => {
    const found = await (await etcd.ask(CALL, { body })).bytes();
    assert.equal(found.length, body.length);
    assert.ok(found.every((byte) => byte === body[0]));
  }));
});

Deno.test("openEtcdFetcher() takes no more of a stream than is read of it", async () => {
  let sentBytes = 0;
  await using etcd = over(({ url }) =>
    url.endsWith(CALL) ? new Response("done") : new Response(
      new ReadableStream({
        pull(controller) {
          sentBytes += MEGABYTE;
          controller.enqueue(new Uint8Array(MEGABYTE));
          if (sentBytes === 64 * MEGABYTE) controller.close();
        },
      }),
    )
  );
  const { body } = await etcd.ask(WATCH_PATH);
  const reader = body!.getReader();
  await reader.read();
  // Calls go on beside it; they also show that the stream had its time.
  for (let n = 0; n < 20; n++) await (await etcd.ask(CALL)).text();
  assert.ok(sentBytes < 32 * MEGABYTE, `${sentBytes}`);
  await reader.cancel();
});

Deno.test("openEtcdFetcher() ends a request or a body when its signal aborts", async () => {
  const hanging = Promise.withResolvers<Response>();
  await using etcd = over((request) =>
    request.url.endsWith("/hang") ? hanging.promise : new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }),
    )
  );
  const stop = new AbortController();
  const { body } = await etcd.ask(WATCH_PATH, { signal: stop.signal });
  const reader = body!.getReader();
  await reader.read();
  const refused = assert.rejects(etcd.ask("/hang", { signal: stop.signal }), /enough/);
  const ended = assert.rejects(reader.read(), /enough/);
  stop.abort(new Error("enough"));
  await Promise.all([refused, ended]);
  await assert.rejects(etcd.ask(CALL, { signal: stop.signal }), /enough/);
  hanging.resolve(new Response());
});

Deno.test("openEtcdFetcher() rejects when nobody listens, and when a connection ends", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}${CALL}`;
  const etcd = openEtcdFetcher();
  const refused = assert.rejects(etcd.fetcher(new Request(url, { method: "POST", body: "x" })));
  (await listener.accept()).close();
  await refused;
  listener.close();
  await assert.rejects(etcd.fetcher(new Request(url, { method: "POST", body: "x" })));
  etcd.close();
});

Deno.test("openEtcdFetcher() leaves a connection on which a call was given up", async () => {
  await using server = silentServer();
  const etcd = openEtcdFetcher();
  for (let count = 1; count <= 3; count++) {
    const stop = new AbortController();
    const request = new Request(server.url + CALL, { method: "POST", signal: stop.signal });
    const refused = assert.rejects(etcd.fetcher(request), /late/);
    assert.equal(await server.taken(count), count);
    stop.abort(new Error("late"));
    await refused;
  }
  etcd.close();
});

Deno.test("openEtcdFetcher() has one connection for calls and one for watches", async () => {
  const ports = new Set<number>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (_, { remoteAddr }) => {
      ports.add((remoteAddr as Deno.NetAddr).port);
      return new Response("done");
    },
  );
  const etcd = openEtcdFetcher();
  const url = `http://127.0.0.1:${server.addr.port}`;
  for (const [path, count] of [[CALL, 1], [CALL, 1], [WATCH_PATH, 2], [CALL, 2]] as const) {
    await (await etcd.fetcher(new Request(url + path, { method: "POST" }))).text();
    assert.equal(ports.size, count);
  }
  etcd.close();
  await server.shutdown();
});
