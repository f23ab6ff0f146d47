import assert from "node:assert/strict";
import fc from "fast-check";
import { type ErrorCode, GitStratumError, hasCode } from "../error.ts";
import { ETCD_WATCH_MESSAGE_BYTES_MAX } from "../limits.ts";
import { ManualClock } from "../manual_clock.ts";
import { prefixRange } from "./consensus.ts";
import { EtcdConsensus } from "./etcd_consensus.ts";
import { readWatch } from "./etcd_watch_stream.ts";
import { FakeEtcd, header, never, streamOf } from "./testing/fake_etcd.ts";

const put = (key: string, revision: number) => ({
  kv: { key: btoa(key), value: btoa("v"), mod_revision: `${revision}`, version: "1" },
});
const line = (result: object) =>
  `${JSON.stringify({ result: { header: header(9), ...result } })}\n`;
const CREATED = line({ created: true });

/** What a stream tells: `created`, batches as `key@revision`, progress; then how it ended. */
async function transcript(...chunks: string[]): Promise<string[]> {
  const told: string[] = [];
  try {
    for await (const step of readWatch(streamOf(chunks))) {
      if (step.kind === "created") told.push("created");
      else if (step.kind === "progress") told.push(`progress ${step.revision}`);
      else told.push(step.events.map(({ key, revision }) => `${key}@${revision}`).join(" "));
    }
  } catch (error) {
    assert.ok(error instanceof GitStratumError, String(error));
    told.push(error.code);
  }
  return told;
}

Deno.test("readWatch() tells creation, batches and progress, and that the stream ended", async () => {
  const told = await transcript(
    CREATED,
    line({ events: [put("a", 2), put("b", 2), put("a", 3)] }),
    line({ header: header(7) }),
    line({ events: [{ type: "DELETE", kv: { key: btoa("a"), mod_revision: "8" } }] }),
  );
  assert.deepEqual(told, ["created", "a@2 b@2 a@3", "progress 7", "a@8", "unavailable"]);
});

Deno.test("readWatch() holds the last revision of a fragment back until it is whole", async () => {
  const told = await transcript(
    line({ fragment: true, events: [put("a", 2), put("a", 3)] }),
    line({ fragment: true, events: [put("b", 3)] }),
    line({ fragment: true, events: [put("c", 3), put("a", 4)] }),
    line({ events: [put("b", 4)] }),
  );
  assert.deepEqual(told, ["a@2", "a@3 b@3 c@3", "a@4 b@4", "unavailable"]);
});

Deno.test("readWatch() knows compaction from other ends", async () => {
  assert.deepEqual(await transcript(line({ canceled: true, compact_revision: "5" })), [
    "not-found",
  ]);
  assert.deepEqual(await transcript(line({ canceled: true })), ["unavailable"]);
  const error = {
    grpc_code: 14,
    http_code: 503,
    message: "etcdserver: no leader",
    http_status: "",
  };
  assert.deepEqual(await transcript(`${JSON.stringify({ error })}\n`), ["unavailable"]);
});

Deno.test("readWatch() refuses what no watch says", async () => {
  const wrong = [
    "nonsense\n",
    "{}\n",
    "[]\n",
    `{"result":{}}\n`,
    line({ events: [put("a", 3), put("a", 2)] }),
    line({ events: [{ type: "MOVE", kv: { key: btoa("a") } }] }),
    line({ events: "many" }),
    "x".repeat(ETCD_WATCH_MESSAGE_BYTES_MAX + 1),
  ];
  for (const text of wrong) assert.deepEqual(await transcript(text), ["unavailable"]);
});

Deno.test("readWatch() tells the same however the stream is cut", async () => {
  const text = CREATED + line({ fragment: true, events: [put("a", 2), put("a", 3)] }) +
    line({ events: [put("b", 3)] }) + line({ header: header(7) });
  const whole = await transcript(text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: text.length }), { maxLength: 8 }), async (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const chunks = edges.slice(1).map((edge, index) => text.slice(edges[index], edge));
      assert.deepEqual(await transcript(...chunks), whole);
    }),
  );
});

Deno.test("readWatch() ends any stream with an error of the world", async () => {
  const pieces = fc.oneof(
    fc.string(),
    fc.constantFrom(CREATED, line({ events: [put("a", 2)] }), "\n", "{", `{"result":`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 8 }), async (chunks) => {
      const end = (await transcript(...chunks)).at(-1) as ErrorCode;
      assert.ok(["unavailable", "not-found"].includes(end), end);
    }),
    { numRuns: 300 },
  );
});

/** A watch over a fake of two members, whose batches are read one by one. */
function watchOver(answer: ConstructorParameters<typeof FakeEtcd>[0], after = 1) {
  const etcd = new FakeEtcd(answer);
  const clock = new ManualClock();
  const troubled = Promise.withResolvers<unknown>();
  const consensus = new EtcdConsensus({
    endpoints: ["http://a:1", "http://b:1"],
    fetcher: etcd.fetcher,
    clock,
    timeoutMs: 1000,
    checkIntervalMs: 500,
    onTrouble: troubled.resolve,
  });
  const stop = new AbortController();
  const options = { after, signal: stop.signal };
  const batches = consensus.watch(prefixRange("k"), options)[Symbol.asyncIterator]();
  return { etcd, clock, troubled: troubled.promise, stop, batches };
}

/** A stream of chunks that then stays open until its request is given up. */
function openStream(signal: AbortSignal, ...chunks: string[]): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        signal.addEventListener("abort", () => controller.error(signal.reason), { once: true });
      },
    }),
  );
}

const startOf = (body: unknown) =>
  Number((body as { create_request: { start_revision: string } }).create_request.start_revision);

Deno.test("EtcdConsensus.watch() resumes at the next member, where it was", async () => {
  const starts: number[] = [];
  const { clock, batches, stop, troubled } = watchOver(({ endpoint, body }, signal) => {
    starts.push(startOf(body));
    const events = endpoint === "http://a:1" ? [put("k", 2), put("k", 4)] : [put("k", 5)];
    if (endpoint === "http://a:1") return new Response(streamOf([CREATED, line({ events })]));
    return openStream(signal, CREATED, line({ events }));
  });
  assert.equal((await batches.next()).value?.at(-1)?.revision, 4);
  const next = batches.next();
  assert.ok(hasCode(await troubled, "unavailable"));
  await clock.advance(100);
  assert.equal((await next).value?.at(-1)?.revision, 5);
  assert.deepEqual(starts, [2, 5]);
  const end = batches.next();
  stop.abort();
  assert.equal((await end).done, true);
  assert.equal(clock.sleeping, 0);
});

Deno.test("EtcdConsensus.watch() leaves a member that fell silent", async () => {
  const { clock, batches, stop } = watchOver(({ endpoint, path }, signal) => {
    if (endpoint === "http://b:1") {
      if (path === "/v3/watch") return openStream(signal, CREATED, line({ events: [put("k", 2)] }));
      return Response.json({ header: header(9) });
    }
    return path === "/v3/watch" ? openStream(signal, CREATED) : never(signal);
  });
  const next = batches.next();
  await clock.advance(500 + 1000 + 100);
  assert.equal((await next).value?.at(-1)?.revision, 2);
  stop.abort();
  assert.equal((await batches.next()).done, true);
});

Deno.test("EtcdConsensus.watch() goes on after progress, past what was compacted meanwhile", async () => {
  const starts: number[] = [];
  const { clock, batches, stop, troubled } = watchOver(({ body }, signal) => {
    starts.push(startOf(body));
    if (starts.length === 1) return new Response(streamOf([CREATED, line({ header: header(50) })]));
    return openStream(signal, CREATED, line({ events: [put("k", 60)] }));
  });
  const next = batches.next();
  await troubled;
  await clock.advance(100);
  assert.equal((await next).value?.at(-1)?.revision, 60);
  assert.deepEqual(starts, [2, 51]);
  stop.abort();
  assert.equal((await batches.next()).done, true);
});

Deno.test("EtcdConsensus.watch() rejects with not-found when its history is gone", async () => {
  const { batches } = watchOver(() =>
    new Response(streamOf([CREATED, line({ canceled: true, compact_revision: "7" })]))
  );
  await assert.rejects(() => batches.next(), (error) => hasCode(error, "not-found"));
});

Deno.test("EtcdConsensus.watch() waits longer and longer while no member serves", async () => {
  const { clock, etcd, batches, stop } = watchOver(() => Promise.reject(new TypeError("refused")));
  const next = batches.next();
  await clock.advance(60_000);
  // Doubling from 100 ms to 2 s: five steps, then one in two seconds.
  assert.ok(etcd.seen.length > 20 && etcd.seen.length < 40, `${etcd.seen.length}`);
  stop.abort();
  assert.equal((await next).done, true);
});
