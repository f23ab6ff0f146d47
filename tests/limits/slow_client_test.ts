/** Clients that never finish what they say: others are answered, and each costs little. */

import assert from "node:assert/strict";
import { GitStratumServer } from "../harness/gitstratum_server.ts";

const CLIENTS = 300;
/** What such a client may cost: buffers of the runtime, and a session that waits. */
const BYTES_PER_CLIENT_MAX = 128 * 1024;
/** What the first requests of a process cost once, whoever sends them: compiled code, young heap. */
const WARM_BYTES_MAX = 48 * 1024 * 1024;
const TRICKLE_ROUNDS = 5;

function residentBytes(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)![1]) * 1024;
}

async function connected(url: URL, beginning: string): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  await connection.write(new TextEncoder().encode(beginning));
  return connection;
}

Deno.test("clients that trickle heads and bodies keep nobody from being answered", async () => {
  await using server = await GitStratumServer.start();
  await server.createRepository("acme/tools");
  const url = new URL(server.origin);
  const before = residentBytes(server.pid);
  const head = `GET /acme/tools.git/info/refs HTTP/1.1\r\nHost: ${url.host}\r\nX-Slow: `;
  const body = `POST /acme/tools.git/git-upload-pack HTTP/1.1\r\nHost: ${url.host}\r\n` +
    "Content-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\n" +
    "Content-Length: 1000000\r\n\r\n0";
  const slow: Deno.Conn[] = [];
  try {
    for (let count = 0; count < CLIENTS; count++) {
      slow.push(await connected(url, count % 2 === 0 ? head : body));
    }
    for (let round = 0; round < TRICKLE_ROUNDS; round++) {
      await Promise.all(slow.map((connection) => connection.write(new Uint8Array([48]))));
      const path = "/acme/tools.git/info/refs?service=git-upload-pack";
      const response = await fetch(server.origin + path);
      await response.body?.cancel();
      assert.equal(response.status, 200);
    }
    const grown = residentBytes(server.pid) - before;
    assert.ok(
      grown < WARM_BYTES_MAX + CLIENTS * BYTES_PER_CLIENT_MAX,
      `${CLIENTS} slow clients cost ${Math.round(grown / 1024)} KiB`,
    );
  } finally {
    for (const connection of slow) connection.close();
  }
});
