/**
 * Local stores against a slow, obvious model, and under storage that fails.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "../error.ts";
import { ManualClock } from "../manual_clock.ts";
import { systemRandom } from "../random.ts";
import type { Change, Compare, Consensus, Transaction, WatchEvent } from "./consensus.ts";
import { LocalConsensus } from "./local_consensus.ts";
import { MemoryRevisionStore } from "./memory_revision_store.ts";
import { memoryHarness, sqliteHarness } from "./test_consensus.ts";

const ALL = { from: "!", to: "~" };

interface ModelEntry {
  readonly value: number;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** The whole contract of transactions in the plainest form: copies of maps, a list of events. */
class Model {
  revision = 0;
  entries = new Map<string, ModelEntry>();
  readonly events: string[] = [];

  transact(transaction: Transaction): boolean {
    const succeeded = transaction.compares.every((compare) => this.holds(compare));
    const next = new Map(this.entries);
    const events: string[] = [];
    const revision = this.revision + 1;
    const remove = (key: string) => {
      if (next.delete(key)) events.push(`${revision} delete ${key}`);
    };
    for (const change of succeeded ? transaction.then : transaction.otherwise ?? []) {
      if (change.kind === "delete") remove(change.key);
      else if (change.kind === "deleteRange") {
        for (const key of [...next.keys()]) if (change.from <= key && key < change.to) remove(key);
      } else {
        const before = next.get(change.key);
        next.set(change.key, {
          value: change.value[0]!,
          createRevision: before?.createRevision ?? revision,
          modRevision: revision,
          version: (before?.version ?? 0) + 1,
        });
        events.push(`${revision} put ${change.key}=${change.value[0]}`);
      }
    }
    if (events.length > 0) this.revision = revision;
    this.entries = next;
    this.events.push(...events.sort());
    return succeeded;
  }

  holds(compare: Compare): boolean {
    const found = this.entries.get(compare.key);
    if (compare.target === "value") {
      if (!found) return false;
      return (found.value === compare.value[0]) === (compare.operator === "=");
    }
    const number = found?.[compare.target] ?? 0;
    const { operator, value } = compare;
    if (operator === "=") return number === value;
    if (operator === "!=") return number !== value;
    return operator === "<" ? number < value : number > value;
  }
}

const key = fc.constantFrom("a", "b", "b/1", "b/2", "c");
const value = fc.integer({ min: 0, max: 3 }).map((byte) => Uint8Array.of(byte));
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("put" as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  fc.record({ kind: fc.constant("deleteRange" as const), from: key, to: key }),
);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    key,
    target: fc.constantFrom("version", "createRevision", "modRevision"),
    operator: fc.constantFrom("=", "!=", "<", ">"),
    value: fc.integer({ min: 0, max: 12 }),
  }),
  fc.record({ key, target: fc.constant("value"), operator: fc.constantFrom("=", "!="), value }),
) as fc.Arbitrary<Compare>;
const branch = fc.array(change, { maxLength: 3 }).filter(changesOnce);
const transaction: fc.Arbitrary<Transaction> = fc.record({
  compares: fc.array(compare, { maxLength: 2 }),
  then: branch,
  otherwise: branch,
});

function changesOnce(changes: readonly Change[]): boolean {
  const touched = (one: Change, key: string) =>
    one.kind === "deleteRange" ? one.from <= key && key < one.to : one.key === key;
  return changes.every((one, index) =>
    one.kind !== "put" || changes.every((other, at) => at === index || !touched(other, one.key))
  );
}

async function readEvents(consensus: Consensus, after: number, count: number): Promise<string[]> {
  const controller = new AbortController();
  const seen: WatchEvent[] = [];
  if (count === 0) return [];
  for await (const batch of consensus.watch(ALL, { after, signal: controller.signal })) {
    seen.push(...batch);
    if (seen.length >= count) controller.abort();
  }
  return seen.map(show).sort();
}

function show(event: WatchEvent): string {
  const text = `${event.revision} ${event.kind} ${event.key}`;
  return event.kind === "put" ? `${text}=${event.value![0]}` : text;
}

async function checkAgainstModel(
  consensus: Consensus,
  groups: readonly (readonly Transaction[])[],
): Promise<void> {
  const model = new Model();
  for (const group of groups) {
    const results = await Promise.all(group.map((one) => consensus.transact(one)));
    for (const [index, one] of group.entries()) {
      assert.equal(results[index]!.succeeded, model.transact(one));
      assert.equal(results[index]!.revision, model.revision);
    }
    const { entries, revision } = await consensus.range(ALL);
    assert.equal(revision, model.revision);
    assert.deepEqual(
      entries.map((entry) => ({ ...entry, value: entry.value[0] })),
      [...model.entries].sort(([a], [b]) => a < b ? -1 : 1).map(([key, e]) => ({ key, ...e })),
    );
  }
  const after = Math.floor(model.revision / 2);
  const wanted = model.events.filter((event) => Number(event.split(" ")[0]) > after).sort();
  assert.deepEqual(await readEvents(consensus, after, wanted.length), wanted);
}

for (
  const [name, open, numRuns] of [
    ["memory", memoryHarness, 300],
    ["SQLite", sqliteHarness, 40],
  ] as const
) {
  Deno.test(`LocalConsensus over ${name} does what the model does`, async () => {
    const groups = fc.array(fc.array(transaction, { maxLength: 4 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(groups, async (groups) => {
        const { consensus, dispose } = await open();
        try {
          await checkAgainstModel(consensus, groups);
        } finally {
          await dispose();
        }
      }),
      { numRuns },
    );
  });
}

/** Memory whose next atomic steps fail. */
class FailingStore extends MemoryRevisionStore {
  failures = 0;

  override atomically<T>(work: () => T): T {
    if (this.failures-- > 0) throw new GitStratumError("disk-full", "Find no room");
    return super.atomically(work);
  }
}

function failing() {
  const store = new FailingStore();
  const clock = new ManualClock();
  const options = { clock, random: systemRandom, defer: queueMicrotask };
  return { store, clock, consensus: new LocalConsensus(store, options) };
}

const putA: Transaction = {
  compares: [],
  then: [{ kind: "put", key: "a", value: Uint8Array.of(1) }],
};

Deno.test("LocalConsensus rejects every write of a step that failed and wakes nobody", async () => {
  const { store, consensus } = failing();
  const events = readEvents(consensus, 0, 1);
  store.failures = 1;
  const outcomes = await Promise.allSettled([consensus.transact(putA), consensus.transact(putA)]);
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && hasCode(outcome.reason, "disk-full"));
  }
  assert.equal((await consensus.transact(putA)).revision, 1);
  assert.deepEqual(await events, ["1 put a=1"]);
  await consensus.close();
});

Deno.test("LocalConsensus deletes an ended lease's keys later when the store is full", async () => {
  const { store, clock, consensus } = failing();
  const lease = await consensus.grantLease(1000);
  const then = [{ kind: "put", key: "a", value: Uint8Array.of(1), lease }] as const;
  await consensus.transact({ compares: [], then });
  store.failures = 2;
  await clock.advance(1500);
  assert.ok(await consensus.get("a"));
  await assert.rejects(() => consensus.keepAlive(lease), (error) => hasCode(error, "not-found"));
  await clock.advance(2000);
  assert.equal(await consensus.get("a"), undefined);
  await consensus.close();
});

Deno.test("LocalConsensus tells writers to wait when too many are queued", async () => {
  const { consensus } = failing();
  const writes = Array.from({ length: 16_385 }, () => consensus.transact(putA));
  const outcomes = await Promise.allSettled(writes);
  const refused = outcomes.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 1);
  assert.ok(hasCode((refused[0] as PromiseRejectedResult).reason, "unavailable"));
  await consensus.close();
});

Deno.test("LocalConsensus.close() decides what is queued", async () => {
  const { consensus } = failing();
  const write = consensus.transact(putA);
  await consensus.close();
  assert.equal((await write).revision, 1);
  await assert.rejects(() => consensus.transact(putA), (error) => hasCode(error, "unavailable"));
});
