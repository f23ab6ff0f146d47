import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { type ConnectionInfo, type HttpServer, serveHttp } from "./http_server.ts";

function serve(
  drainMs: number,
  handle: (request: Request, info: ConnectionInfo) => Response | Promise<Response>,
) {
  return serveHttp({ hostname: "127.0.0.1", port: 0, clock: systemClock, drainMs, handle });
}

/** A body without an end, which breaks when `signal` aborts. */
function endless(signal: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      signal.addEventListener("abort", () => controller.error(signal.reason));
    },
    pull(controller) {
      controller.enqueue(new Uint8Array(65536));
    },
  }, { highWaterMark: 0 });
}

async function isListening(server: HttpServer): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname: server.hostname, port: server.port });
    connection.close();
    return true;
  } catch (error) {
    assert.ok(error instanceof Deno.errors.ConnectionRefused);
    return false;
  }
}

Deno.test("serveHttp() picks a port and hands in the client's address", async () => {
  const server = serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    clock: systemClock,
    drainMs: 1000,
    handle: (_, info) => new Response(info.remoteAddress ?? "none"),
  });
  assert.ok(server.port > 0);
  assert.equal(await (await fetch(server.url)).text(), "127.0.0.1");
  await server.close();
  assert.equal(await isListening(server), false);
});

Deno.test("serveHttp() lets a running request finish", async () => {
  const gate = Promise.withResolvers<Response>();
  const arrived = Promise.withResolvers<void>();
  const server = serve(60_000, () => {
    arrived.resolve();
    return gate.promise;
  });
  const response = fetch(server.url);
  await arrived.promise;
  const closed = server.close();
  gate.resolve(new Response("done"));
  assert.equal(await (await response).text(), "done");
  await closed;
});

Deno.test("serveHttp() cuts what does not end in time", async () => {
  const arrived = Promise.withResolvers<void>();
  const server = serve(20, (_, info) => {
    arrived.resolve();
    return new Response(endless(info.signal!));
  });
  const response = await fetch(server.url);
  await arrived.promise;
  await server.close();
  await assert.rejects(response.bytes());
});

Deno.test("serveHttp() tells a handler that its client is gone", async () => {
  const arrived = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<Response>();
  const server = serve(1000, (_, info) => {
    info.signal!.addEventListener("abort", () => gone.resolve(new Response()));
    arrived.resolve();
    return gone.promise;
  });
  const client = new AbortController();
  const response = fetch(server.url, { signal: client.signal });
  await arrived.promise;
  client.abort();
  await assert.rejects(response, { name: "AbortError" });
  await gone.promise;
  await server.close();
});

Deno.test("serveHttp() breaks the connection when a body fails in the middle", async () => {
  let sent = false;
  const server = serve(1000, () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          if (sent) controller.error(new Error("lost"));
          else controller.enqueue(new Uint8Array(100));
          sent = true;
        },
      }, { highWaterMark: 0 }),
    ));
  const response = await fetch(server.url);
  await assert.rejects(response.bytes());
  await server.close();
});

Deno.test("serveHttp() tells when a whole answer was taken", async () => {
  const completed = Promise.withResolvers<void>();
  const server = serve(1000, (_, info) => {
    info.completed!.then(completed.resolve, completed.reject);
    return new Response("x".repeat(1000));
  });
  assert.equal((await (await fetch(server.url)).text()).length, 1000);
  await completed.promise;
  await server.close();
});

Deno.test("serveHttp() aborts nothing when the whole answer was taken", async () => {
  const signals: AbortSignal[] = [];
  let left = 4;
  const allCompleted = Promise.withResolvers<void>();
  const server = serve(1000, async (request, info) => {
    signals.push(info.signal!);
    info.completed!.then(() => --left > 0 || allCompleted.resolve(), allCompleted.reject);
    const body = request.body === null ? undefined : await request.bytes();
    if (new URL(request.url).pathname === "/whole") return new Response(body);
    return new Response(ReadableStream.from([new Uint8Array(10), new Uint8Array(10)]));
  });
  for (const path of ["/whole", "/stream"]) {
    await (await fetch(server.url + path)).bytes();
    await (await fetch(server.url + path, { method: "POST", body: "x" })).bytes();
  }
  await allCompleted.promise;
  await server.close();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false, false, false, false]);
});

/** Sends bytes as they are; what comes back until the end. */
async function exchange(server: HttpServer, text: string): Promise<string> {
  const connection = await Deno.connect({ hostname: server.hostname, port: server.port });
  await connection.write(new TextEncoder().encode(text));
  return await new Response(connection.readable).text();
}

Deno.test("serveHttp() refuses a request whose host makes no URL, and serves on", async () => {
  const server = serve(1000, (request) => new Response(new URL(request.url).pathname));
  for (const host of ["a b", "[::1", "x:99999999", "%zz"]) {
    const answer = await exchange(
      server,
      `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 400 /, host);
  }
  assert.equal(await (await fetch(`${server.url}/y`)).text(), "/y");
  await server.close();
});
