import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import { NODE_TOKEN_WINDOW_MS } from "../limits.ts";
import { ManualClock } from "../manual_clock.ts";
import { SeededRandom } from "../seeded_random.ts";
import { readErrorResponse } from "./error_response.ts";
import type { Fetcher } from "./fetcher.ts";
import { authenticated, type AuthRefusal, signingFetcher } from "./node_auth.ts";
import type { NodeId } from "./topology/topology.ts";

const SECRET = "correct horse battery staple, and then some";
const OLD_SECRET = "the one before it, still known to some nodes";
const URL_ = "http://object-1.test:7003/object/v1/extents/abc?range=0-9";

/** A service behind authentication, and what reached it. */
class Stage {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly callerClock = new ManualClock(1_700_000_000_000);
  readonly refusals: AuthRefusal[] = [];
  readonly sent: Request[] = [];
  reached = 0;
  readonly service = authenticated({
    fetch: async (request) => {
      this.reached++;
      return new Response(`seen ${await request.text()}`);
    },
  }, {
    secrets: [SECRET, OLD_SECRET],
    clock: this.clock,
    onRefused: (refusal) => this.refusals.push(refusal),
  });

  signing(secret = SECRET, seed = 1): Fetcher {
    return signingFetcher((request) => {
      this.sent.push(request);
      return this.service.fetch(request);
    }, {
      secret,
      clock: this.callerClock,
      random: new SeededRandom(seed),
      nodeId: "metadata-1" as NodeId,
    });
  }

  /** A valid token for a request line. */
  async token(url = URL_, method = "GET"): Promise<string> {
    const signed = new Request(url, { method });
    await this.signing()(signed);
    return signed.headers.get("authorization")!;
  }

  /** Presents a token; the status. */
  async present(token: string | undefined, url = URL_, method = "GET"): Promise<number> {
    const headers: HeadersInit = token === undefined ? {} : { authorization: token };
    const response = await this.service.fetch(new Request(url, { method, headers }));
    const text = await response.text();
    if (response.status === 401) {
      assert.equal(text, "");
      assert.deepEqual([...response.headers], []);
    }
    return response.status;
  }
}

Deno.test("signingFetcher() gets through authenticated(), with its body", async () => {
  const stage = new Stage();
  const request = new Request(URL_, { method: "PUT", body: "bytes" });
  const response = await stage.signing()(request);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "seen bytes");
  const token = request.headers.get("authorization")!;
  assert.ok(!token.includes(SECRET));
  assert.match(token, /^GitStratum-Node 1\.metadata-1\.1700000000000\.[0-9a-f]{16}\.[0-9a-f]{64}$/);
});

Deno.test("authenticated() tells nothing to those without a token, whatever they ask for", async () => {
  const stage = new Stage();
  for (const url of [URL_, "http://object-1.test/healthz", "http://object-1.test/metrics"]) {
    for (const token of [undefined, "", "Basic YTpi", `Bearer ${SECRET}`, "GitStratum-Node "]) {
      assert.equal(await stage.present(token, url), 401, `${url} ${token}`);
    }
  }
  assert.equal(stage.reached, 0);
});

Deno.test("authenticated() refuses a forged token", async () => {
  const stage = new Stage();
  const token = await stage.token();
  assert.equal(await stage.present(token), 200);
  const [scheme, rest] = token.split(" ") as [string, string];
  const [version, node, time, nonce, mac] = rest.split(".") as [string, ...string[]];
  const forged = [
    [version, "metadata-2", time, nonce, mac],
    [version, node, `${Number(time) + 1}`, nonce, mac],
    [version, node, time, "0".repeat(16), mac],
    [version, node, time, nonce, "0".repeat(64)],
    ["2", node, time, nonce, mac],
    [version, node, time, nonce, mac!.slice(0, 62)],
    [version, node, time, nonce, mac, "more"],
  ];
  for (const parts of forged) {
    assert.equal(await stage.present(`${scheme} ${parts.join(".")}`), 401, parts.join("."));
  }
  assert.equal(stage.refusals.length, forged.length);
});

Deno.test("authenticated() refuses a token of another method, path, query or host", async () => {
  const stage = new Stage();
  const token = await stage.token();
  assert.equal(await stage.present(token, URL_, "DELETE"), 401);
  assert.equal(await stage.present(token, URL_.replace("abc", "abd")), 401);
  assert.equal(await stage.present(token, URL_.replace("0-9", "0-10")), 401);
  assert.equal(await stage.present(token, URL_.replace("object-1", "object-2")), 401);
  assert.equal(await stage.present(token, URL_.replace("7003", "7004")), 401);
  assert.ok(stage.refusals.every(({ reason }) => reason === "wrong signature"));
});

Deno.test("authenticated() refuses a token after its minute", async () => {
  const stage = new Stage();
  const token = await stage.token();
  await stage.clock.advance(NODE_TOKEN_WINDOW_MS);
  assert.equal(await stage.present(token), 200);
  await stage.clock.advance(1);
  assert.equal(await stage.present(token), 401);
  assert.deepEqual(stage.refusals, [{
    reason: "clocks differ",
    claimedNodeId: "metadata-1",
    aheadMs: -NODE_TOKEN_WINDOW_MS - 1,
  }]);
});

Deno.test("authenticated() bears clocks that differ by less than a minute, either way", async () => {
  for (const [aheadMs, status] of [[-59_000, 200], [59_000, 200], [61_000, 403], [-61_000, 403]]) {
    const stage = new Stage();
    stage.callerClock.jumpWall(aheadMs!);
    const response = await stage.signing()(new Request(URL_));
    assert.equal(response.status, status, `${aheadMs} ms`);
    if (status === 200) continue;
    assert.equal(stage.refusals[0]?.aheadMs, aheadMs);
    assert.ok(hasCode(await readErrorResponse(response), "denied"));
  }
});

Deno.test("authenticated() accepts two secrets while one replaces the other", async () => {
  const stage = new Stage();
  assert.equal((await stage.signing(OLD_SECRET)(new Request(URL_))).status, 200);
  assert.equal((await stage.signing(SECRET)(new Request(URL_))).status, 200);
  const refused = await stage.signing("one that was never the cluster's")(new Request(URL_));
  assert.ok(hasCode(await readErrorResponse(refused), "denied"));
  assert.equal(stage.reached, 2);
});

Deno.test("signingFetcher() says the same again for a second, and then anew", async () => {
  const stage = new Stage();
  const fetcher = stage.signing();
  const signed = async (url = URL_, method = "GET") => {
    const request = new Request(url, { method });
    assert.equal((await fetcher(request)).status, 200);
    return request.headers.get("authorization")!;
  };
  const first = await signed();
  await stage.callerClock.advance(999);
  assert.equal(await signed(), first);
  const others = [
    await signed(URL_, "DELETE"),
    await signed(URL_.replace("abc", "abd")),
    await signed(URL_.replace("7003", "7004")),
    await signed(URL_.replace("0-9", "0-10")),
  ];
  assert.equal(new Set([first, ...others]).size, 5);
  await stage.callerClock.advance(1);
  const second = await signed();
  assert.notEqual(second, first);
  // A clock that was put back uses no token of what is the future now.
  stage.callerClock.jumpWall(-1);
  assert.notEqual(await signed(), second);
});

Deno.test("authenticated() judges a token that it found good like any other", async () => {
  const stage = new Stage();
  const token = await stage.token();
  assert.equal(await stage.present(token), 200);
  assert.equal(await stage.present(token), 200);
  assert.equal(await stage.present(token, URL_, "DELETE"), 401);
  assert.equal(await stage.present(token, URL_.replace("abc", "abd")), 401);
  const last = token.at(-1) === "0" ? "1" : "0";
  assert.equal(await stage.present(token.slice(0, -1) + last), 401);
  assert.equal(await stage.present(token), 200);
  await stage.clock.advance(NODE_TOKEN_WINDOW_MS + 1);
  assert.equal(await stage.present(token), 401);
  assert.equal(stage.refusals.at(-1)?.reason, "clocks differ");
});

Deno.test("authenticated() refuses any token that was not made with its secret", async () => {
  const stage = new Stage();
  const good = (await stage.token()).slice("GitStratum-Node ".length);
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^1\.[a-z0-9-]{1,9}\.[0-9]{13}\.[0-9a-f]{16}\.[0-9a-f]{64}$/),
    fc.record({ at: fc.nat({ max: good.length - 1 }), by: fc.stringMatching(/^[0-9a-z.]$/) })
      .map(({ at, by }) => good.slice(0, at) + by + good.slice(at + 1)),
  ).filter((token) => token !== good && /^[\x20-\x7e]*$/.test(token));
  await fc.assert(
    fc.asyncProperty(text, async (token) => {
      const headers = { authorization: `GitStratum-Node ${token}` };
      const response = await stage.service.fetch(new Request(URL_, { headers }));
      assert.equal(response.status, 401, token);
    }),
    { numRuns: 500 },
  );
});

Deno.test("authenticated() sees over HTTP what signingFetcher() signed", async () => {
  const stage = new Stage();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => stage.service.fetch(request),
  );
  const fetcher = signingFetcher(fetch, {
    secret: SECRET,
    clock: stage.callerClock,
    random: new SeededRandom(3),
    nodeId: "frontend-1" as NodeId,
  });
  try {
    for (const path of ["/", "/a%20b/%C3%BC?x=%26&y", "/a//b/../c?", "/x?name=ü"]) {
      const url = `http://127.0.0.1:${server.addr.port}${path}`;
      const response = await fetcher(new Request(url, { method: "POST", body: "b" }));
      assert.equal(await response.text(), "seen b", path);
      const bare = await fetch(url);
      assert.equal(bare.status, 401);
      assert.equal(await bare.text(), "");
    }
  } finally {
    await server.shutdown();
  }
});
