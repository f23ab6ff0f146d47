import assert from "node:assert/strict";
import { GitStratumError, hasCode, ManualClock, systemRandom } from "@gitstratum/core";
import { type Change, type Consensus, MemoryConsensus } from "@gitstratum/core/consensus";
import { AccountAudit } from "../audit/account_audit.ts";
import { InsertQueue } from "./insert_queue.ts";

function insertionOf(key: string) {
  const change: Change = { kind: "put", key, value: new Uint8Array() };
  const act = { kind: "made", details: { key } };
  return {
    compares: [{ key, target: "version", operator: "=", value: 0 }],
    change,
    act,
  } as const;
}

/** A queue over a store that counts transactions, and fails when it is told. */
class Stage {
  readonly store: MemoryConsensus;
  readonly queue: InsertQueue;
  readonly audit: AccountAudit;
  transactionCount = 0;
  isAway = false;

  constructor() {
    const clock = new ManualClock(1_700_000_000_000);
    this.store = new MemoryConsensus({ clock, random: systemRandom });
    this.audit = new AccountAudit({ consensus: this.store, clock, random: systemRandom });
    const consensus = {
      transact: (transaction: Parameters<Consensus["transact"]>[0]) => {
        this.transactionCount++;
        if (this.isAway) return Promise.reject(new GitStratumError("unavailable", "Be away"));
        return this.store.transact(transaction);
      },
    } as Consensus;
    const head = { kind: "put", key: "head", value: new Uint8Array() } as const;
    this.queue = new InsertQueue({ consensus, audit: this.audit, head });
  }
}

Deno.test("InsertQueue puts those that come together into few transactions", async () => {
  const stage = new Stage();
  const keys = Array.from({ length: 200 }, (_, number) => `k/${number}`);
  const results = await Promise.all(keys.map((key) => stage.queue.add(insertionOf(key))));
  assert.ok(results.every(({ succeeded }) => succeeded));
  assert.ok(stage.transactionCount <= 6, `${stage.transactionCount}`);
  const { entries } = await stage.store.range({ from: "k/", to: "k0" });
  assert.equal(entries.length, 200);
  assert.equal((await stage.audit.query({ limit: 1000 })).length, 200);
  await stage.store.close();
});

Deno.test("InsertQueue decides each by its own conditions", async () => {
  const stage = new Stage();
  await stage.queue.add(insertionOf("k/3"));
  const keys = Array.from({ length: 10 }, (_, number) => `k/${number}`);
  const results = await Promise.all(keys.map((key) => stage.queue.add(insertionOf(key))));
  assert.deepEqual(
    results.map(({ succeeded }, at) => succeeded ? -1 : at).filter((at) => at >= 0),
    [
      3,
    ],
  );
  assert.equal((await stage.audit.query({ limit: 1000 })).length, 10);
  await stage.store.close();
});

Deno.test("InsertQueue adds what is said twice once, and harms no others by it", async () => {
  const stage = new Stage();
  const first = stage.queue.add(insertionOf("first"));
  const keys = ["a", "b", "a", "c"];
  const results = await Promise.all(keys.map((key) => stage.queue.add(insertionOf(key))));
  assert.equal((await first).succeeded, true);
  assert.deepEqual(results.map(({ succeeded }) => succeeded), [true, true, false, true]);
  await stage.store.close();
});

Deno.test("InsertQueue tells all who wait that the store is away, and goes on after", async () => {
  const stage = new Stage();
  stage.isAway = true;
  const keys = Array.from({ length: 60 }, (_, number) => `k/${number}`);
  const outcomes = await Promise.allSettled(keys.map((key) => stage.queue.add(insertionOf(key))));
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && hasCode(outcome.reason, "unavailable"));
  }
  stage.isAway = false;
  assert.equal((await stage.queue.add(insertionOf("k/1"))).succeeded, true);
  await stage.store.close();
});
