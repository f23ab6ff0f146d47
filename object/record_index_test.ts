import { deepEqual, equal } from "node:assert/strict";
import { SeededRandom } from "@gitstratum/core";
import { type LocatedRecord, RecordIndex } from "./record_index.ts";
import { recordBytesOf } from "./segment_format.ts";

/** What the index must know, computed anew from all records on disk. */
class SlowIndex {
  readonly records: LocatedRecord[] = [];

  winner(key: string): LocatedRecord | undefined {
    const ofKey = this.records.filter((record) => record.key === key);
    return ofKey.sort((a, b) => b.sequence - a.sequence)[0];
  }

  living(): LocatedRecord[] {
    const keys = [...new Set(this.records.map((record) => record.key))].sort();
    return keys.map((key) => this.winner(key)!).filter((record) => record.kind === "put");
  }
}

function randomRecord(random: SeededRandom, sequence: number): LocatedRecord {
  const isPut = random.chance(0.6);
  return {
    kind: isPut ? "put" : "delete",
    key: `key-${random.below(30)}`,
    owner: `owner-${random.below(3)}`,
    segment: 1 + random.below(5),
    offset: sequence * 8,
    payloadBytes: isPut ? random.below(1000) : 0,
    sequence,
    writtenAtMs: sequence,
  };
}

Deno.test("RecordIndex agrees with a slow one after any records in any order", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new SeededRandom(seed);
    const index = new RecordIndex(() => 65536);
    const slow = new SlowIndex();
    const records = Array.from({ length: 300 }, (_, n) => randomRecord(random, n + 1));
    records.sort(() => random.chance(0.5) ? 1 : -1);
    for (const record of records) {
      slow.records.push(record);
      if (record.kind === "put") index.addCopy(record.key);
      index.apply(record);
      if (random.chance(0.05)) deepEqual(index.list("", 1000), slow.living());
    }
    index.dropNeedlessDeletes();
    const living = slow.living();
    deepEqual(index.list("", 1000), living);
    deepEqual(index.list("key-2", 4), living.filter((r) => r.key > "key-2").slice(0, 4));
    equal(index.putCount, living.length);
    equal(index.putBytes, living.reduce((sum, record) => sum + record.payloadBytes, 0));
  }
});

Deno.test("RecordIndex keeps a delete until the last put record of its key is gone", () => {
  const index = new RecordIndex(() => 65536);
  const base = { key: "k", owner: "o", payloadBytes: 10, writtenAtMs: 0, offset: 32 };
  const first: LocatedRecord = { ...base, kind: "put", segment: 1, sequence: 1 };
  const copy: LocatedRecord = { ...first, segment: 2 };
  const gone: LocatedRecord = { ...base, kind: "delete", payloadBytes: 0, segment: 3, sequence: 2 };
  for (const record of [first, copy]) {
    index.addCopy(record.key);
    index.apply(record);
  }
  equal(index.find("k")?.segment, 2);
  index.apply(gone);
  equal(index.find("k"), undefined);
  equal(index.livingBytes(3), recordBytesOf(gone, 65536));
  index.forget(first);
  equal(index.isLiving(gone), true);
  index.forget(copy);
  equal(index.isLiving(gone), false);
  deepEqual([index.deleteCount, index.livingBytes(1), index.livingBytes(2), index.livingBytes(3)], [
    0,
    0,
    0,
    0,
  ]);
});

Deno.test("RecordIndex.list() sees keys that came and went between two pages", () => {
  const index = new RecordIndex(() => 65536);
  const random = new SeededRandom(4);
  const known = new Set<string>();
  for (let round = 0; round < 2000; round++) {
    const key = `key-${random.below(500)}`;
    const base = { key, owner: "o", segment: 1, offset: round, writtenAtMs: 0, sequence: round };
    if (known.has(key)) {
      index.apply({ ...base, kind: "delete", payloadBytes: 0 });
      known.delete(key);
      if (random.chance(0.5)) index.forget({ ...base, kind: "put", payloadBytes: 1 });
    } else {
      index.addCopy(key);
      index.apply({ ...base, kind: "put", payloadBytes: 1 });
      known.add(key);
    }
    if (round % 50 === 0) deepEqual(index.list("", 1000).map((r) => r.key), [...known].sort());
  }
});
