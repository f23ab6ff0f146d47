import assert from "node:assert/strict";
import fc from "fast-check";
import { RELAYED_CALL_COUNT_MAX } from "../../limits.ts";
import type { Fetcher } from "../fetcher.ts";
import type { NodeId } from "../topology/topology.ts";
import { ManualTopology } from "../topology/manual_topology.ts";
import { sampleTopology } from "../testing/topology_samples.ts";
import { withRelay } from "./node_relay.ts";
import { parseRelayPath, relayedBaseUrl } from "./relay_path.ts";

const OWN = new Response("own").clone.bind(new Response("own"));

function open(send: Fetcher = () => Promise.resolve(new Response("passed"))) {
  const { version: _, ...topology } = sampleTopology(1, ["a", "b"]);
  const outcomes: string[] = [];
  const sent: Request[] = [];
  const service = withRelay({ fetch: () => Promise.resolve(OWN()) }, {
    topology: new ManualTopology({ ...topology, version: 1 }),
    fetcherFor: () => (request) => {
      sent.push(request);
      return send(request);
    },
    onRelayed: (outcome) => outcomes.push(outcome),
  });
  const ask = (path: string, init?: RequestInit) =>
    service.fetch(new Request(`http://b.test${path}`, init));
  return { ask, sent, outcomes };
}

Deno.test("withRelay() answers pings itself, and leaves what is for its node alone", async () => {
  const { ask, sent } = open();
  assert.equal((await ask("/link/v1/ping")).status, 204);
  assert.equal(await (await ask("/metadata/v1/repositories")).text(), "own");
  assert.equal(await (await ask("/link/v1/other")).text(), "own");
  assert.equal(await (await ask("/metadata?path=/link/v1/to/a/x")).text(), "own");
  assert.deepEqual(sent, []);
});

Deno.test("withRelay() passes on what is asked, and what is answered", async () => {
  const { ask, sent, outcomes } = open((request) =>
    Promise.resolve(
      new Response(request.body, {
        status: 409,
        headers: { "content-type": "text/x", "x-gitstratum-fact": "1", "set-cookie": "no" },
      }),
    )
  );
  const headers = { "content-type": "text/y", authorization: "mine", "x-gitstratum-hint": "2" };
  const response = await ask("/link/v1/to/a/some/path?q=%20", {
    method: "PUT",
    body: "body",
    headers,
  });
  assert.equal(sent[0]!.url, "http://a.test/some/path?q=%20");
  assert.equal(sent[0]!.method, "PUT");
  assert.deepEqual([...sent[0]!.headers], [["content-type", "text/y"], ["x-gitstratum-hint", "2"]]);
  assert.equal(response.status, 409);
  assert.deepEqual([...response.headers], [
    ["content-type", "text/x"],
    ["x-gitstratum-fact", "1"],
    ["x-gitstratum-relay", "passed"],
  ]);
  assert.equal(await response.text(), "body");
  assert.deepEqual(outcomes, ["passed"]);
});

Deno.test("withRelay() passes nothing on twice, to strangers, or to who can not be reached", async () => {
  const { ask, sent, outcomes } = open(() => Promise.reject(new TypeError("Refuse")));
  for (const path of ["/link/v1/to/a/link/v1/to/b/x", "/link/v1/to/z/x", "/link/v1/to/a"]) {
    const response = await ask(path);
    assert.equal(response.status, 400, path);
    assert.equal(response.headers.get("x-gitstratum-relay"), "failed");
  }
  assert.equal(sent.length, 0);
  const response = await ask("/link/v1/to/a/x");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("x-gitstratum-relay"), "failed");
  assert.deepEqual(outcomes, ["failed", "failed", "failed", "failed"]);
});

Deno.test("withRelay() ends the call when its caller goes away", async () => {
  const { ask, sent } = open((request) =>
    new Promise((_, reject) =>
      request.signal.addEventListener("abort", () => reject(request.signal.reason))
    )
  );
  const caller = new AbortController();
  const response = ask("/link/v1/to/a/x", { signal: caller.signal });
  caller.abort();
  assert.equal((await response).status, 503);
  assert.equal(sent[0]!.signal.aborted, true);
});

Deno.test("withRelay() has so many calls under way and no more, bodies included", async () => {
  const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
  const { ask } = open(() =>
    Promise.resolve(new Response(new ReadableStream({ start: (each) => void bodies.push(each) })))
  );
  const running = await Promise.all(
    Array.from({ length: RELAYED_CALL_COUNT_MAX }, () => ask("/link/v1/to/a/x")),
  );
  assert.equal((await ask("/link/v1/to/a/x")).status, 503);
  // One comes to its end, one is left by its caller, one breaks off.
  bodies[0]!.close();
  assert.equal(await running[0]!.text(), "");
  await running[1]!.body!.cancel();
  bodies[2]!.error(new Error("Break off"));
  await assert.rejects(running[2]!.text());
  const statuses = [];
  for (let n = 0; n < 4; n++) statuses.push((await ask("/link/v1/to/a/x")).status);
  assert.deepEqual(statuses, [200, 200, 200, 503]);
});

Deno.test("parseRelayPath() reads what relayedBaseUrl() makes, and only one hop", () => {
  const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,5}$/);
  const path = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => `/${words.join("/")}`);
  fc.assert(fc.property(word, path, (to, path) => {
    const { pathname } = new URL(relayedBaseUrl("http://x.test", to as NodeId) + path);
    assert.deepEqual(parseRelayPath(pathname), { to, path });
    assert.equal(parseRelayPath(relayedBaseUrl("", to as NodeId) + pathname), undefined);
  }));
  fc.assert(fc.property(fc.string(), (text) => {
    const parsed = parseRelayPath(`/link/v1/to/${text}`);
    assert.ok(parsed === undefined || `${parsed.to}${parsed.path}` === text);
  }));
});
