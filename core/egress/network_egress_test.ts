import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { hasCode } from "../error.ts";
import { type EgressRequest, parseEgressUrl } from "./egress.ts";
import { parseAddressRange } from "./network_address.ts";
import { NetworkEgress, type NetworkEgressOptions } from "./network_egress.ts";

const LOOPBACK = [parseAddressRange("127.0.0.0/8"), parseAddressRange("::1")];

function request(url: string, options: Partial<EgressRequest> = {}): EgressRequest {
  return {
    url,
    headers: { "content-type": "text/plain" },
    body: new TextEncoder().encode("hello"),
    answerBytesMax: 100,
    signal: new AbortController().signal,
    ...options,
  };
}

/** A receiver on a free port of the loopback address. */
function receiver(
  answer: (request: Request) => Response | Promise<Response>,
  tls: { readonly key: string; readonly cert: string } | Record<string, never> = {},
) {
  const seen: { readonly host: string; readonly path: string; readonly body: string }[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls },
    async (received) => {
      const { pathname, search } = new URL(received.url);
      const host = received.headers.get("host") ?? "";
      seen.push({ host, path: pathname + search, body: await received.clone().text() });
      return await answer(received);
    },
  );
  const { port } = server.addr;
  return { seen, port, [Symbol.asyncDispose]: () => server.shutdown() };
}

const denied = (error: unknown) => hasCode(error, "denied");
const unavailable = (error: unknown) => hasCode(error, "unavailable");

function egress(options: Partial<NetworkEgressOptions> = {}): NetworkEgress {
  return new NetworkEgress({ allowed: LOOPBACK, ...options });
}

Deno.test("NetworkEgress.post() connects to the address that it checked, under the name", async () => {
  await using server = receiver(() => new Response("fine", { status: 202 }));
  let resolutions = 0;
  const resolve = (name: string) => {
    resolutions++;
    equal(name, "hooks.example.test");
    // A second question would be answered with another address.
    return Promise.resolve([resolutions === 1 ? "127.0.0.1" : "127.0.0.2"]);
  };
  const url = `http://hooks.example.test:${server.port}/a/b?c=d`;
  const answer = await egress({ resolve }).post(request(url));
  deepEqual([answer.status, new TextDecoder().decode(answer.body)], [202, "fine"]);
  deepEqual(server.seen, [
    { host: `hooks.example.test:${server.port}`, path: "/a/b?c=d", body: "hello" },
  ]);
  equal(resolutions, 1);
});

Deno.test("NetworkEgress.post() refuses what is not public, however it is written", async () => {
  await using server = receiver(() => new Response("secret"));
  const { port } = server;
  const closed = egress({ allowed: [] });
  for (
    const host of [
      ...["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0"],
      ...["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "169.254.169.254", "10.0.0.1", "[::]"],
      ...["[fe80::1]", "[fd00::1]", "100.64.0.1", "224.0.0.1", "[64:ff9b::7f00:1]", "127.0.0.1."],
    ]
  ) await rejects(closed.post(request(`http://${host}:${port}/`)), denied, host);
  deepEqual(server.seen, []);
});

Deno.test("NetworkEgress.post() refuses a name with one address that is not public", async () => {
  await using server = receiver(() => new Response("secret"));
  const answers = [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::1"], [], ["nonsense"]];
  for (const addresses of answers) {
    const resolve = () => Promise.resolve(addresses);
    const closed = egress({ allowed: [], resolve });
    await rejects(closed.post(request(`http://a.example.test:${server.port}/`)), denied);
  }
  deepEqual(server.seen, []);
});

Deno.test("NetworkEgress.post() follows no redirect", async () => {
  await using inner = receiver(() => new Response("secret"));
  await using outer = receiver(() =>
    new Response(null, { status: 307, headers: { location: `http://127.0.0.1:${inner.port}/` } })
  );
  const answer = await egress().post(request(`http://127.0.0.1:${outer.port}/`));
  equal(answer.status, 307);
  deepEqual(inner.seen, []);
});

Deno.test("NetworkEgress.post() reads no more of an answer than it was told", async () => {
  let sent = 0;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += 1024;
          controller.enqueue(new Uint8Array(1024).fill(97));
        },
      }),
    );
  await using server = receiver(endless);
  const answer = await egress().post(request(`http://127.0.0.1:${server.port}/`));
  equal(answer.body.length, 100);
  ok(sent < 64 * 1024 * 1024);
});

Deno.test("NetworkEgress.post() ends with its signal, before and in an answer", async () => {
  for (const begins of [false, true]) {
    const cut = new AbortController();
    const ended = Promise.withResolvers<Response>();
    await using server = receiver(() => {
      const stalled = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("x"));
          setTimeout(() => cut.abort(), 20);
        },
      });
      if (begins) return new Response(stalled);
      cut.abort();
      return ended.promise;
    });
    const { signal } = cut;
    const url = `http://127.0.0.1:${server.port}/`;
    await rejects(egress().post(request(url, { signal })), (error) => hasCode(error, "aborted"));
    ended.resolve(new Response());
  }
});

Deno.test("NetworkEgress.post() gives up a name whose resolver never answers", async () => {
  const cut = new AbortController();
  const resolve = () => {
    queueMicrotask(() => cut.abort());
    return new Promise<never>(() => {});
  };
  const { signal } = cut;
  await rejects(
    egress({ resolve }).post(request("http://slow.example.test/", { signal })),
    (error) => hasCode(error, "aborted"),
  );
});

Deno.test("NetworkEgress.post() tells that nobody answers, or only half", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const halfway = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
    const head = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort";
    await connection.write(new TextEncoder().encode(head));
    connection.close();
  })();
  await rejects(egress().post(request(`http://127.0.0.1:${port}/`)), unavailable);
  await halfway;
  listener.close();
  await rejects(egress().post(request(`http://127.0.0.1:${port}/`)), unavailable);
  const resolve = () => Promise.reject(new Error("no such host"));
  await rejects(egress({ resolve }).post(request("http://no.example.test/")), unavailable);
});

Deno.test("NetworkEgress.post() checks the certificate against the name, not the address", async () => {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-egress-" });
  const [key, cert] = [`${directory}/key.pem`, `${directory}/cert.pem`];
  const { success } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=hooks.example.test"],
      ...["-addext", "subjectAltName=DNS:hooks.example.test"],
    ],
    stderr: "null",
  }).output();
  ok(success);
  const tls = { key: await Deno.readTextFile(key), cert: await Deno.readTextFile(cert) };
  await Deno.remove(directory, { recursive: true });
  await using server = receiver(() => new Response("fine"), tls);
  const resolve = () => Promise.resolve(["127.0.0.1"]);
  const trusting = egress({ resolve, certificates: [tls.cert] });
  const good = `https://hooks.example.test:${server.port}/`;
  equal((await trusting.post(request(good))).status, 200);
  const other = `https://other.example.test:${server.port}/`;
  await rejects(trusting.post(request(other)), unavailable);
  await rejects(egress({ resolve }).post(request(good)), unavailable);
  equal(server.seen.length, 1);
});

Deno.test("parseEgressUrl() takes plain addresses of the web only", () => {
  equal(parseEgressUrl("https://Example.test/a?b=c").href, "https://example.test/a?b=c");
  for (
    const text of [
      ...["", "example.test", "ftp://example.test/", "file:///etc/passwd", "http://"],
      ...["http://user@example.test/", "http://:pass@example.test/", "http://example.test/#f"],
      `http://example.test/${"a".repeat(3000)}`,
    ]
  ) {
    let code: string | undefined;
    try {
      parseEgressUrl(text);
    } catch (error) {
      code = (error as { readonly code?: string }).code;
    }
    equal(code, "invalid", text);
  }
});
