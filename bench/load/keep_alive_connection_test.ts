import assert from "node:assert/strict";
import { KeepAliveConnection } from "./keep_alive_connection.ts";

Deno.test("KeepAliveConnection sends many requests over one connection", async () => {
  const ports = new Set<number>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request, info) => {
      ports.add(info.remoteAddr.port);
      const body = await request.bytes();
      return body.length % 2 === 0 ? new Response(body) : new Response(new Blob([body]).stream());
    },
  );
  using connection = new KeepAliveConnection(server.addr);
  for (const length of [1, 2, 70_001, 600_000]) {
    const body = new Uint8Array(length).fill(length % 256);
    const answer = await connection.send({ method: "POST", path: "/", body });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, body);
  }
  assert.equal(ports.size, 1);
});
