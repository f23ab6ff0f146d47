/**
 * Request heads of which some bytes are others: whatever they say, the server answers and lives on.
 *
 * What is judged is the process, for a head that nothing bears ends it for everybody. The answers may
 * be of any kind.
 */

import assert from "node:assert/strict";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { SeededRandom } from "./harness/seeded_random.ts";

const REQUEST_COUNT = 1500;
const CONNECTIONS = 16;
/** A head that lost its end is never answered. */
const PATIENCE_MS = 200;
const SEED = Number(Deno.env.get("GITSTRATUM_TEST_SEED") ?? 1);

const LINES = [
  "GET /me/x/info/refs?service=git-upload-pack HTTP/1.1",
  "POST /me/x/git-upload-pack HTTP/1.1",
  "POST /me/x/git-receive-pack HTTP/1.1",
  "GET /me/x/archive/HEAD.tar.gz HTTP/1.1",
  "GET /api/v1/repos?limit=1&after=x HTTP/1.1",
  "PATCH /api/v1/repos/me/x HTTP/1.1",
  "GET / HTTP/1.1",
];
const HEADERS = [
  "Host: 127.0.0.1",
  "Host: git.example:80",
  "Origin: http://127.0.0.1",
  "Authorization: Basic Og==",
  "Authorization: Bearer gst_x",
  "Content-Type: application/x-git-upload-pack-request",
  "Content-Encoding: gzip",
  "Git-Protocol: version=2",
  "Content-Length: 4",
  "X-Forwarded-For: 192.0.2.1, 10.0.0.1",
];
/** Bytes that mean something in a head. */
const ODD = [0, 9, 10, 13, 32, 37, 44, 47, 58, 63, 64, 91, 93, 127, 255];

function drawHead(random: SeededRandom): Uint8Array {
  const headers = Array.from({ length: 1 + random.below(4) }, () => random.pick(HEADERS));
  const text = [random.pick(LINES), ...headers, "Connection: close", "", "0000"].join("\r\n");
  const bytes = new TextEncoder().encode(text);
  for (let count = random.below(4); count > 0; count--) {
    bytes[random.below(bytes.length)] = random.below(2) === 0
      ? random.pick(ODD)
      : random.below(256);
  }
  return bytes;
}

/** Sends a head; the first line of the answer, if one comes. */
async function send(origin: URL, head: Uint8Array): Promise<string> {
  const { hostname, port } = origin;
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const timer = setTimeout(() => connection.close(), PATIENCE_MS);
  const answer = new Uint8Array(100);
  try {
    await connection.write(head);
    const length = await connection.read(answer) ?? 0;
    return new TextDecoder().decode(answer.subarray(0, length)).split("\r\n")[0]!;
  } catch (error) {
    // Cut by the server, or by our patience.
    assert.ok(error instanceof Error);
    return "";
  } finally {
    clearTimeout(timer);
    try {
      connection.close();
    } catch (error) {
      assert.ok(error instanceof Deno.errors.BadResource);
    }
  }
}

Deno.test(`no request head ends the server (seed ${SEED})`, async () => {
  const flags = ["--insecure-open-access", "--http-host", "git.example"];
  await using server = await GitStratumServer.start({
    flags: [...flags, "--trusted-proxy", "127.0.0.1"],
  });
  const origin = new URL(server.origin);
  const random = new SeededRandom(SEED);
  const heads = Array.from({ length: REQUEST_COUNT }, () => drawHead(random));
  const kinds = new Set<string>();
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
      kinds.add((await send(origin, head)).slice(9, 12));
    }
  }));
  const health = await fetch(`${server.origin}/healthz`);
  assert.deepEqual(await health.json(), { status: "ok" });
  for (const status of ["200", "400", "403", "404"]) assert.ok(kinds.has(status), status);
  assert.equal((await server.signal("SIGTERM")).code, 0);
});
