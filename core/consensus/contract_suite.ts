/**
 * The contract of {@link Consensus} as tests: every backend registers the same ones.
 *
 * A backend may be remote and may run on real time: nothing here assumes more than the contract says,
 * and each test gets a store that is empty.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hasCode } from "../error.ts";
import { CONSENSUS_OPERATION_COUNT_MAX, CONSENSUS_TRANSACTION_BYTES_MAX } from "../limits.ts";
import { type Change, type Consensus, prefixRange, type WatchEvent } from "./consensus.ts";

/** One store under test. */
export interface ConsensusHarness {
  /** The store. */
  readonly consensus: Consensus;
  /** Lets time pass: at once on a manual clock, by waiting on a real one. */
  advance(ms: number): Promise<void>;
  /** Closes the store and removes what it left. */
  dispose(): Promise<void>;
}

/** Makes an empty store for each test. */
export type ConsensusFactory = () => Promise<ConsensusHarness>;

type Case = (harness: ConsensusHarness) => Promise<void>;

/** Shortest lease that etcd grants. */
const TTL_MS = 2000;

/** Registers the whole contract for one backend. */
export function registerConsensusContract(backend: string, factory: ConsensusFactory): void {
  for (const [behaviour, run] of Object.entries(CASES)) {
    Deno.test(`${backend} ${behaviour}`, async () => {
      const harness = await factory();
      try {
        await run(harness);
      } finally {
        await harness.dispose();
      }
    });
  }
}

const put = (key: string, value: string, lease?: string): Change => ({
  kind: "put",
  key,
  value: new TextEncoder().encode(value),
  ...(lease === undefined ? {} : { lease }),
});

async function write(consensus: Consensus, ...changes: Change[]): Promise<number> {
  const { succeeded, revision } = await consensus.transact({ compares: [], then: changes });
  assert.equal(succeeded, true);
  return revision;
}

async function text(consensus: Consensus, key: string): Promise<string | undefined> {
  const found = await consensus.get(key);
  return found && new TextDecoder().decode(found.value);
}

function show(event: WatchEvent): string {
  const value = event.value === undefined ? "" : `=${new TextDecoder().decode(event.value)}`;
  return `${event.kind} ${event.key}${value}`;
}

/** Collects batches until `count` events came. */
async function collect(
  consensus: Consensus,
  options: { readonly prefix: string; readonly after: number; readonly count: number },
): Promise<WatchEvent[][]> {
  const controller = new AbortController();
  const batches: WatchEvent[][] = [];
  const range = prefixRange(options.prefix);
  const watch = consensus.watch(range, { after: options.after, signal: controller.signal });
  for await (const batch of watch) {
    batches.push([...batch]);
    if (batches.flat().length >= options.count) controller.abort();
  }
  return batches;
}

const keyCases: Record<string, Case> = {
  "get() answers undefined for an absent key": async ({ consensus }) => {
    assert.equal(await consensus.get("absent"), undefined);
  },

  "transact() counts revisions and versions of a key": async ({ consensus }) => {
    const first = await write(consensus, put("a", "1"));
    const second = await write(consensus, put("a", "2"));
    assert.equal(second, first + 1);
    const found = await consensus.get("a");
    assert.equal(found?.createRevision, first);
    assert.equal(found?.modRevision, second);
    assert.equal(found?.version, 2);
    await write(consensus, { kind: "delete", key: "a" });
    const reborn = await write(consensus, put("a", "3"));
    const again = await consensus.get("a");
    assert.equal(again?.createRevision, reborn);
    assert.equal(again?.version, 1);
  },

  "transact() keeps any bytes as they are": async ({ consensus }) => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    await write(consensus, { kind: "put", key: "bytes", value }, {
      kind: "put",
      key: "empty",
      value: new Uint8Array(0),
    });
    assert.deepEqual((await consensus.get("bytes"))?.value, value);
    assert.deepEqual((await consensus.get("empty"))?.value, new Uint8Array(0));
  },

  "transact() makes no revision when nothing changed": async ({ consensus }) => {
    const before = await write(consensus, put("a", "1"));
    assert.equal(await write(consensus, { kind: "delete", key: "absent" }), before);
    assert.equal(await write(consensus, { kind: "deleteRange", from: "x", to: "y" }), before);
    assert.equal(await write(consensus), before);
  },

  "transact() deletes exactly the keys of a half-open range": async ({ consensus }) => {
    await write(consensus, ...["a", "b", "c", "d"].map((key) => put(key, key)));
    await write(consensus, { kind: "deleteRange", from: "b", to: "d" });
    const { entries } = await consensus.range({ from: "a", to: "z" });
    assert.deepEqual(entries.map(({ key }) => key), ["a", "d"]);
  },

  "range() answers keys in byte order, limits, and says whether there are more": async (
    { consensus },
  ) => {
    await write(consensus, ...["p/b", "p/B", "p/a", "p/1", "q", "o", "p/~"].map((k) => put(k, k)));
    const all = await consensus.range(prefixRange("p/"));
    assert.deepEqual(all.entries.map(({ key }) => key), ["p/1", "p/B", "p/a", "p/b", "p/~"]);
    assert.equal(all.more, false);
    const two = await consensus.range(prefixRange("p/"), { limit: 2 });
    assert.deepEqual(two.entries.map(({ key }) => key), ["p/1", "p/B"]);
    assert.equal(two.more, true);
    assert.equal(two.revision, all.revision);
    const exact = await consensus.range(prefixRange("p/"), { limit: 5 });
    assert.equal(exact.more, false);
  },
};

const compareCases: Record<string, Case> = {
  "transact() applies `then` only when all compares hold": async ({ consensus }) => {
    const revision = await write(consensus, put("a", "1"));
    const value = new TextEncoder().encode("1");
    const result = await consensus.transact({
      compares: [
        { key: "a", target: "version", operator: "=", value: 1 },
        { key: "a", target: "value", operator: "=", value },
        { key: "a", target: "modRevision", operator: "<", value: revision },
      ],
      then: [put("a", "then")],
      otherwise: [put("b", "otherwise")],
    });
    assert.equal(result.succeeded, false);
    assert.equal(await text(consensus, "a"), "1");
    assert.equal(await text(consensus, "b"), "otherwise");
  },

  "transact() compares numbers with each operator": async ({ consensus }) => {
    await write(consensus, put("a", "1"));
    await write(consensus, put("a", "2"));
    const truth = { "=": [2], "!=": [1, 3], "<": [3], ">": [1] } as const;
    for (const operator of ["=", "!=", "<", ">"] as const) {
      for (const value of [1, 2, 3]) {
        const { succeeded } = await consensus.transact({
          compares: [{ key: "a", target: "version", operator, value }],
          then: [],
        });
        const wanted = (truth[operator] as readonly number[]).includes(value);
        assert.equal(succeeded, wanted, `2 ${operator} ${value}`);
      }
    }
  },

  "transact() treats an absent key as all zero and without a value": async ({ consensus }) => {
    for (const target of ["version", "createRevision", "modRevision"] as const) {
      const { succeeded } = await consensus.transact({
        compares: [{ key: "absent", target, operator: "=", value: 0 }],
        then: [],
      });
      assert.equal(succeeded, true, target);
    }
    for (const operator of ["=", "!="] as const) {
      const { succeeded } = await consensus.transact({
        compares: [{ key: "absent", target: "value", operator, value: new Uint8Array(0) }],
        then: [],
      });
      assert.equal(succeeded, false, operator);
    }
  },

  "transact() lets exactly one of many racing transactions win": async ({ consensus }) => {
    for (let round = 0; round < 5; round++) {
      const key = `race/${round}`;
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, racer) =>
          consensus.transact({
            compares: [{ key, target: "version", operator: "=", value: 0 }],
            then: [put(key, `${racer}`)],
          })),
      );
      const winners = results.flatMap(({ succeeded }, racer) => succeeded ? [`${racer}`] : []);
      assert.equal(winners.length, 1);
      assert.equal(await text(consensus, key), winners[0]);
    }
  },

  "transact() gives concurrent writes revisions of their own": async ({ consensus }) => {
    const revisions = await Promise.all(
      Array.from({ length: 30 }, (_, index) => write(consensus, put(`own/${index}`, "x"))),
    );
    assert.equal(new Set(revisions).size, 30);
    const { entries } = await consensus.range(prefixRange("own/"));
    const found = new Map(entries.map((entry) => [entry.key, entry.modRevision]));
    for (const [index, revision] of revisions.entries()) {
      assert.equal(found.get(`own/${index}`), revision);
    }
  },

  "transact() refuses what is too large or changes a key twice": async ({ consensus }) => {
    const refused: Change[][] = [
      [put("a", "1"), put("a", "2")],
      [put("a", "1"), { kind: "delete", key: "a" }],
      [put("b", "1"), { kind: "deleteRange", from: "a", to: "c" }],
      [put("with space", "1")],
      [put("", "1")],
      [put("é", "1")],
      [put("k".repeat(513), "1")],
      Array.from(
        { length: CONSENSUS_OPERATION_COUNT_MAX + 1 },
        (_, index) => put(`k${index}`, "1"),
      ),
      [{ kind: "put", key: "a", value: new Uint8Array(CONSENSUS_TRANSACTION_BYTES_MAX) }],
    ];
    for (const then of refused) {
      await assert.rejects(
        () => consensus.transact({ compares: [], then }),
        (error) => hasCode(error, "invalid"),
      );
    }
    assert.equal((await consensus.range({ from: "!", to: "~" })).entries.length, 0);
  },

  "transact() accepts the largest transaction": async ({ consensus }) => {
    const bytes = Math.floor(CONSENSUS_TRANSACTION_BYTES_MAX / CONSENSUS_OPERATION_COUNT_MAX) - 8;
    const then = Array.from({ length: CONSENSUS_OPERATION_COUNT_MAX }, (_, index): Change => ({
      kind: "put",
      key: `k${index}`,
      value: new Uint8Array(bytes).fill(index),
    }));
    await write(consensus, ...then);
    assert.deepEqual((await consensus.get("k77"))?.value, new Uint8Array(bytes).fill(77));
  },
};

const watchCases: Record<string, Case> = {
  "watch() replays history after a revision, whole revisions at once": async ({ consensus }) => {
    const start = await write(consensus, put("w/a", "0"));
    await write(consensus, put("w/a", "1"), put("w/b", "1"), put("other", "1"));
    await write(consensus, { kind: "delete", key: "w/a" });
    const batches = await collect(consensus, { prefix: "w/", after: start, count: 3 });
    const events = batches.flat();
    assert.deepEqual(events.map(show).sort(), ["delete w/a", "put w/a=1", "put w/b=1"]);
    assert.deepEqual(events.map(({ revision }) => revision - start), [1, 1, 2]);
    const holding = batches.filter((batch) => batch.some((e) => e.revision === start + 1));
    assert.equal(holding.length, 1, "one batch holds the whole revision");
  },

  "watch() goes on with changes as they come": async ({ consensus }) => {
    const after = (await consensus.range({ from: "a", to: "b" })).revision;
    const collected = collect(consensus, { prefix: "w/", after, count: 50 });
    for (let index = 0; index < 50; index++) {
      await write(consensus, put("noise", `${index}`));
      await write(consensus, put(`w/${index % 7}`, `${index}`));
    }
    const events = (await collected).flat();
    assert.deepEqual(
      events.map(show),
      Array.from({ length: 50 }, (_, index) => `put w/${index % 7}=${index}`),
    );
  },

  "watch() shows a deleted range as one delete for each key": async ({ consensus }) => {
    const after = await write(consensus, put("w/a", "1"), put("w/b", "1"));
    await write(consensus, { kind: "deleteRange", ...prefixRange("w/") });
    const events = (await collect(consensus, { prefix: "w/", after, count: 2 })).flat();
    assert.deepEqual(events.map(show).sort(), ["delete w/a", "delete w/b"]);
  },

  "watch() ends quietly when its signal aborts": async ({ consensus }) => {
    const controller = new AbortController();
    const watch = consensus.watch(prefixRange("w/"), { after: 0, signal: controller.signal });
    const next = watch[Symbol.asyncIterator]().next();
    controller.abort();
    assert.equal((await next).done, true);
    const aborted = consensus.watch(prefixRange("w/"), { after: 0, signal: controller.signal });
    for await (const batch of aborted) assert.fail(`no batch comes: ${batch.length}`);
  },

  "compact() keeps values and ends watches of what it forgot": async ({ consensus }) => {
    for (let index = 0; index < 5; index++) await write(consensus, put("w/a", `${index}`));
    const revision = await write(consensus, put("w/b", "last"));
    await consensus.compact(revision);
    assert.equal(await text(consensus, "w/a"), "4");
    assert.equal(await text(consensus, "w/b"), "last");
    await assert.rejects(
      () => collect(consensus, { prefix: "w/", after: 1, count: 1 }),
      (error) => hasCode(error, "not-found"),
    );
    await write(consensus, put("w/a", "after"));
    const events = (await collect(consensus, { prefix: "w/", after: revision, count: 1 })).flat();
    assert.deepEqual(events.map(show), ["put w/a=after"]);
  },

  "compact() leaves an idle watch alone": async ({ consensus }) => {
    const after = await write(consensus, put("w/a", "1"));
    const collected = collect(consensus, { prefix: "w/", after, count: 2 });
    await write(consensus, put("w/a", "2"));
    let last = 0;
    for (let index = 0; index < 5; index++) last = await write(consensus, put("noise", "x"));
    // The watch has read up to the noise once this read of the same store came back.
    await collect(consensus, { prefix: "noise", after: last - 1, count: 1 });
    await consensus.compact(last);
    await write(consensus, put("w/a", "3"));
    assert.deepEqual((await collected).flat().map(show), ["put w/a=2", "put w/a=3"]);
  },
};

const leaseCases: Record<string, Case> = {
  "grantLease() makes keys that end with the lease, as an ordinary revision": async (
    { consensus, advance },
  ) => {
    const lease = await consensus.grantLease(TTL_MS);
    const after = await write(consensus, put("l/a", "1", lease), put("l/b", "1", lease));
    await write(consensus, put("l/free", "1"));
    assert.equal((await consensus.get("l/a"))?.lease, lease);
    const deletes = collect(consensus, { prefix: "l/", after: after + 1, count: 2 });
    await advance(2 * TTL_MS);
    const events = (await deletes).flat();
    assert.deepEqual(events.map(show).sort(), ["delete l/a", "delete l/b"]);
    assert.equal(events[0]?.revision, events[1]?.revision);
    assert.equal(await text(consensus, "l/free"), "1");
    await assert.rejects(() => consensus.keepAlive(lease), (e) => hasCode(e, "not-found"));
  },

  "keepAlive() prolongs a lease": async ({ consensus, advance }) => {
    const lease = await consensus.grantLease(TTL_MS);
    await write(consensus, put("l/a", "1", lease));
    for (let round = 0; round < 4; round++) {
      await advance(TTL_MS / 2);
      await consensus.keepAlive(lease);
    }
    assert.equal(await text(consensus, "l/a"), "1");
  },

  "revokeLease() deletes the lease's keys at once": async ({ consensus }) => {
    const lease = await consensus.grantLease(TTL_MS);
    await write(consensus, put("l/a", "1", lease));
    await consensus.revokeLease(lease);
    assert.equal(await consensus.get("l/a"), undefined);
    await consensus.revokeLease(lease);
    await assert.rejects(
      () => write(consensus, put("l/b", "1", lease)),
      (error) => hasCode(error, "invalid"),
    );
    await assert.rejects(() => consensus.keepAlive(lease), (e) => hasCode(e, "not-found"));
  },

  "transact() detaches a key from its lease by a put without one": async ({ consensus }) => {
    const lease = await consensus.grantLease(TTL_MS);
    await write(consensus, put("l/a", "1", lease));
    await write(consensus, put("l/a", "2"));
    await consensus.revokeLease(lease);
    assert.equal(await text(consensus, "l/a"), "2");
  },

  "close() ends watches": async ({ consensus }) => {
    const controller = new AbortController();
    const watch = consensus.watch(prefixRange("w/"), { after: 0, signal: controller.signal });
    const next = watch[Symbol.asyncIterator]().next();
    await consensus.close();
    assert.equal((await next).done, true);
    await assert.rejects(() => consensus.get("a"), (error) => hasCode(error, "unavailable"));
  },
};

const CASES: Record<string, Case> = {
  ...keyCases,
  ...compareCases,
  ...watchCases,
  ...leaseCases,
};
