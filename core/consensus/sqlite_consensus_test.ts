import assert from "node:assert/strict";
import { hasCode } from "../error.ts";
import { ManualClock } from "../manual_clock.ts";
import { systemRandom } from "../random.ts";
import type { Consensus } from "./consensus.ts";
import { registerConsensusContract } from "./contract_suite.ts";
import { SqliteConsensus } from "./sqlite_consensus.ts";
import { sqliteHarness } from "./test_consensus.ts";

registerConsensusContract("SqliteConsensus", () => sqliteHarness());

const value = (text: string) => new TextEncoder().encode(text);

function put(consensus: Consensus, key: string, bytes: Uint8Array, lease?: string) {
  const change = { kind: "put", key, value: bytes, ...(lease ? { lease } : {}) } as const;
  return consensus.transact({ compares: [], then: [change] });
}

function reopen(path: string, clock = new ManualClock(), fileBytesMax?: number) {
  const options = fileBytesMax === undefined ? {} : { fileBytesMax };
  return new SqliteConsensus(path, { clock, random: systemRandom, ...options });
}

Deno.test("SqliteConsensus keeps keys, revisions and history over a reopening", async () => {
  const { consensus, path, dispose } = await sqliteHarness();
  await put(consensus, "a", value("1"));
  const { revision } = await put(consensus, "a", value("2"));
  await consensus.close();
  const again = reopen(path);
  const found = await again.get("a");
  assert.deepEqual([found?.value, found?.version], [value("2"), 2]);
  const watch = again.watch({ from: "a", to: "b" }, {
    after: 0,
    signal: AbortSignal.timeout(5000),
  });
  for await (const events of watch) {
    assert.deepEqual(events.map((event) => event.value), [value("1"), value("2")]);
    break;
  }
  assert.equal((await put(again, "b", value("3"))).revision, revision + 1);
  await again.close();
  await dispose();
});

Deno.test("SqliteConsensus gives leases their whole time again after a reopening", async () => {
  const { consensus, path, advance, dispose } = await sqliteHarness();
  const lease = await consensus.grantLease(1000);
  await put(consensus, "a", value("1"), lease);
  await advance(900);
  await consensus.close();
  const clock = new ManualClock();
  const again = reopen(path, clock);
  await clock.advance(900);
  assert.ok(await again.get("a"));
  await clock.advance(200);
  assert.equal(await again.get("a"), undefined);
  await again.close();
  await dispose();
});

Deno.test("SqliteConsensus refuses a file that this process has open", async () => {
  const { path, dispose } = await sqliteHarness();
  assert.throws(() => reopen(path), (error) => hasCode(error, "unavailable"));
  await dispose();
});

Deno.test("SqliteConsensus refuses a file of a later release", async () => {
  const { consensus, path, dispose } = await sqliteHarness();
  await consensus.close();
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 99");
  database.close();
  assert.throws(() => reopen(path), (error) => hasCode(error, "unsupported"));
  await dispose();
});

Deno.test("SqliteConsensus refuses writes on a full disk and goes on when there is room", async () => {
  const { consensus, path, dispose } = await sqliteHarness();
  await consensus.close();
  const full = reopen(path, new ManualClock(), 256 * 1024);
  const { revision } = await put(full, "small", value("kept"));
  const outcomes = await Promise.allSettled([
    put(full, "small", value("lost")),
    put(full, "large", new Uint8Array(1024 * 1024)),
  ]);
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && hasCode(outcome.reason, "disk-full"));
  }
  assert.deepEqual((await full.get("small"))?.value, value("kept"));
  assert.equal(await full.get("large"), undefined);
  assert.equal((await put(full, "small", value("next"))).revision, revision + 1);
  await full.close();
  await dispose();
});

Deno.test("SqliteConsensus forgets old history by itself and keeps what lives", async () => {
  const { consensus, path, dispose } = await sqliteHarness({ historyRevisionCount: 100 });
  await put(consensus, "living", value("kept"));
  for (let index = 0; index < 2000; index++) {
    const key = `k/${index % 10}`;
    if (index % 3 === 0) {
      await consensus.transact({ compares: [], then: [{ kind: "delete", key }] });
    } else await put(consensus, key, value(`${index}`));
  }
  await consensus.close();
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path);
  const count = (table: string) =>
    database.prepare(`SELECT count(*) AS count FROM ${table}`).get()!.count as number;
  assert.ok(count("change") <= 100 + 512 + 11, `${count("change")} changes are kept`);
  assert.ok(count("overtaken") <= 2 * (100 + 512 + 11), `${count("overtaken")} are overtaken`);
  database.close();
  const again = reopen(path);
  assert.deepEqual((await again.get("living"))?.value, value("kept"));
  assert.deepEqual((await again.get("k/9"))?.value, value("1999"));
  await again.close();
  await dispose();
});
