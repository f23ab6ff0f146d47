import assert from "node:assert/strict";
import { exchange, joinChunks, parseAnswer, requireOk } from "./http_exchange.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array) => new TextDecoder().decode(body);

Deno.test("parseAnswer() takes chunks and lengths off", () => {
  const chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  assert.equal(text(parseAnswer(bytes(chunked)).body), "abcde");
  const sized = parseAnswer(bytes("HTTP/1.1 404 Not\r\nContent-Length: 2\r\n\r\nab"));
  assert.equal(sized.status, 404);
  assert.throws(() => requireOk(sized), /answered 404: ab/);
});

Deno.test("parseAnswer() refuses every answer that ends early", () => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const sized = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  for (const whole of [chunked, sized]) {
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => parseAnswer(bytes(whole.slice(0, length))), `${length}`);
    }
    assert.equal(text(parseAnswer(bytes(whole)).body), "abc");
  }
});

Deno.test("joinChunks() tells where the body ended", () => {
  const { body, done, end } = joinChunks(bytes("1\r\na\r\n0\r\n\r\nnext"));
  assert.deepEqual([text(body), done, end], ["a", true, 11]);
});

Deno.test("exchange() gets what a server sends, in buffers too small for it", async () => {
  const large = new Uint8Array(3_000_000).map((_, index) => index % 251);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const echo = await request.text();
      return echo === "stream" ? new Response(new Blob([large]).stream()) : new Response(echo);
    },
  );
  const address = server.addr;
  const ask = async (body: string) =>
    parseAnswer(
      await exchange(address, { method: "POST", path: "/", body: bytes(body) }, new Uint8Array(10)),
    );
  assert.equal(text((await ask("hello")).body), "hello");
  assert.deepEqual((await ask("stream")).body, large);
});
