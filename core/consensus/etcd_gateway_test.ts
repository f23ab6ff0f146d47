import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../error.ts";
import { ETCD_ANSWER_BYTES_MAX } from "../limits.ts";
import { ManualClock } from "../manual_clock.ts";
import type { Change } from "./consensus.ts";
import { EtcdConsensus } from "./etcd_consensus.ts";
import { type Answer, FakeEtcd, header, never } from "./testing/fake_etcd.ts";

const A = "http://a:1";
const B = "http://b:1";
const TIMEOUT_MS = 1000;
const PUT: Change = { kind: "put", key: "k", value: new Uint8Array(1) };

function over(answer: Answer) {
  const etcd = new FakeEtcd(answer);
  const clock = new ManualClock();
  const { fetcher } = etcd;
  const options = { endpoints: [A, B], fetcher, clock, timeoutMs: TIMEOUT_MS };
  return { etcd, clock, consensus: new EtcdConsensus(options) };
}

function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(hasCode(error, code), String(error));
    return true;
  });
}

const good = (revision: number) => Response.json({ header: header(revision) });
const refuse = (status: number, error: string, code: number) =>
  Response.json({ error, message: error, code }, { status });

/** What a confused member may answer to a read of `k`. */
const WRONG: Record<string, () => Response | Promise<Response>> = {
  "a connection error": () => Promise.reject(new TypeError("error sending request")),
  "a proxy's page": () => new Response("<html>Bad gateway</html>", { status: 502 }),
  "a refusal for now": () => refuse(503, "etcdserver: request timed out", 14),
  "a page with status 200": () => new Response("<html>Welcome</html>"),
  "nothing": () => new Response(""),
  "JSON of another shape": () => Response.json({ kvs: [] }),
  "a list": () => Response.json([]),
  "a negative revision": () => Response.json({ header: { ...header(1), revision: "-5" } }),
  "half an answer": () => {
    const bytes = new TextEncoder().encode(`{"header":`);
    return new Response(ReadableStream.from([bytes]), { headers: { "content-length": "300" } });
  },
};

for (const [name, wrong] of Object.entries(WRONG)) {
  Deno.test(`EtcdConsensus.get() asks the next member after ${name}`, async () => {
    const { etcd, consensus } = over(({ endpoint }) => endpoint === A ? wrong() : good(5));
    assert.equal(await consensus.get("k"), undefined);
    assert.deepEqual(etcd.seen.map(({ endpoint }) => endpoint), [A, B]);
    // The member that failed is not asked first again.
    await consensus.get("k");
    assert.equal(etcd.seen.at(-1)?.endpoint, B);
  });

  Deno.test(`EtcdConsensus.transact() is sent once and has an unknown outcome after ${name}`, async () => {
    const { etcd, consensus } = over(wrong);
    await rejectsWith("unavailable", consensus.transact({ compares: [], then: [PUT] }));
    assert.equal(etcd.seen.length, 1);
  });
}

Deno.test("EtcdConsensus.get() waits for one member only so long, then asks the next", async () => {
  const { clock, consensus } = over(({ endpoint }, signal) =>
    endpoint === A ? never(signal) : good(5)
  );
  const found = consensus.get("k");
  await clock.advance(TIMEOUT_MS);
  assert.equal(await found, undefined);
});

Deno.test("EtcdConsensus.get() is unavailable when no member answers in time", async () => {
  const { clock, etcd, consensus } = over((_, signal) => never(signal));
  const refused = rejectsWith("unavailable", consensus.get("k"));
  await clock.advance(2 * TIMEOUT_MS);
  await refused;
  assert.equal(etcd.seen.length, 2);
  assert.equal(clock.sleeping, 0);
});

Deno.test("EtcdConsensus refuses answers of another cluster", async () => {
  let clusterId = "1";
  const { consensus } = over(() => Response.json({ header: header(5, clusterId) }));
  await consensus.get("k");
  clusterId = "7";
  await rejectsWith("unavailable", consensus.get("k"));
  await rejectsWith("unavailable", consensus.transact({ compares: [], then: [PUT] }));
});

Deno.test("EtcdConsensus refuses answers older than what it has told", async () => {
  const revisions: Record<string, number> = { [A]: 10, [B]: 9 };
  const { consensus, etcd } = over(({ endpoint }) => good(revisions[endpoint]!));
  await consensus.get("k");
  revisions[A] = 8;
  await rejectsWith("unavailable", consensus.get("k"));
  assert.equal(etcd.seen.length, 3);
  revisions[B] = 10;
  assert.equal((await consensus.range({ from: "a", to: "b" })).revision, 10);
});

Deno.test("EtcdConsensus.get() refuses a value that is no base64", async () => {
  const kvs = [{ key: "aw==", value: "?", mod_revision: "1" }];
  const { consensus } = over(() => Response.json({ header: header(9), kvs }));
  await rejectsWith("unavailable", consensus.get("k"));
});

Deno.test("EtcdConsensus.range() refuses keys that were not asked for or are out of order", async () => {
  const kv = (key: string) => ({ key: btoa(key), value: "", mod_revision: "1" });
  for (const keys of [["b", "a"], ["a", "a"], ["z"], ["a", "z"]]) {
    const { consensus } = over(() => Response.json({ header: header(5), kvs: keys.map(kv) }));
    await rejectsWith("unavailable", consensus.range({ from: "a", to: "m" }));
  }
});

Deno.test("EtcdConsensus.range() reads in smaller pages what is too long for an answer", async () => {
  const keys = Array.from({ length: 40 }, (_, index) => `k${100 + index}`);
  const { etcd, consensus } = over(({ body }) => {
    const { key, limit, revision } = body as Record<string, string>;
    if (Number(limit) > 16) {
      return new Response("", { headers: { "content-length": `${ETCD_ANSWER_BYTES_MAX + 1}` } });
    }
    const rest = keys.filter((name) => name >= atob(key!));
    const kvs = rest.slice(0, Number(limit)).map((name) => ({
      key: btoa(name),
      value: new Uint8Array(20_000).toBase64(),
      mod_revision: "3",
    }));
    const more = rest.length > kvs.length;
    assert.equal(revision, rest.length === keys.length ? undefined : "5");
    return Response.json({ header: header(rest.length === keys.length ? 5 : 6), kvs, more });
  });
  const found = await consensus.range({ from: "a", to: "z" });
  assert.deepEqual(found.entries.map(({ key }) => key), keys);
  assert.deepEqual([found.revision, found.more], [5, false]);
  assert.equal(etcd.seen.length, 4);
});

Deno.test("EtcdConsensus.range() starts again when its revision is compacted on the way", async () => {
  let failures = 1;
  const kvs = Array.from({ length: 64 }, (_, n) => ({ key: btoa(`k${10 + n}`), value: "" }));
  const { consensus } = over(({ body }) => {
    const { revision } = body as Record<string, string>;
    if (revision === undefined) return Response.json({ header: header(5), kvs, more: true });
    if (failures-- > 0) {
      return refuse(400, "etcdserver: mvcc: required revision has been compacted", 11);
    }
    return Response.json({ header: header(6), kvs: [{ key: btoa("k99"), value: "" }] });
  });
  assert.equal((await consensus.range({ from: "a", to: "z" })).entries.length, 65);
});

Deno.test("EtcdConsensus.transact() knows a refusal from an unknown outcome", async () => {
  const refusals: [number, string, number, ErrorCode][] = [
    [404, "etcdserver: requested lease not found", 5, "invalid"],
    [400, "etcdserver: request is too large", 3, "invalid"],
    [400, "etcdserver: too many operations in txn request", 3, "invalid"],
    [403, "etcdserver: permission denied", 7, "denied"],
    [503, "etcdserver: leader changed", 14, "unavailable"],
    [429, "etcdserver: too many requests", 8, "unavailable"],
    [500, "something new", 2, "unavailable"],
  ];
  for (const [status, error, code, wanted] of refusals) {
    const { consensus } = over(() => refuse(status, error, code));
    await rejectsWith(wanted, consensus.transact({ compares: [], then: [PUT] }));
  }
});

Deno.test("EtcdConsensus.transact() sends nothing to an etcd that is known to be full", async () => {
  let alarms: object[] = [];
  let full = true;
  const { etcd, consensus } = over(({ path }) => {
    if (path === "/v3/maintenance/alarm") return Response.json({ header: header(5), alarms });
    return full ? refuse(429, "etcdserver: mvcc: database space exceeded", 8) : good(6);
  });
  const transact = (...then: Change[]) => consensus.transact({ compares: [], then });
  // It may have been applied: etcd applies the transaction that it finds too large for its quota.
  await rejectsWith("unavailable", transact(PUT));
  alarms = [{ memberID: "2", alarm: "NOSPACE" }];
  await rejectsWith("disk-full", transact(PUT));
  assert.deepEqual(etcd.seen.map(({ path }) => path), ["/v3/kv/txn", "/v3/maintenance/alarm"]);
  full = false;
  await transact({ kind: "delete", key: "k" });
  alarms = [];
  await transact(PUT);
  assert.equal(etcd.seen.at(-1)?.path, "/v3/kv/txn");
});

Deno.test("EtcdConsensus.close() ends calls that wait, and refuses later ones", async () => {
  const { clock, consensus } = over((_, signal) => never(signal));
  const refused = rejectsWith("unavailable", consensus.get("k"));
  await consensus.close();
  await refused;
  await rejectsWith("unavailable", consensus.get("k"));
  assert.equal(clock.sleeping, 0);
});
