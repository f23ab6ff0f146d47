import assert from "node:assert/strict";
import { DELTA_DEPTH_MAX, IN_MEMORY_OBJECT_BYTES_MAX, MIB } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { NO_BASE, type PackIndex } from "@gitstratum/core/pack";
import { GitSource } from "./testing/git_source.ts";
import { IngestBench } from "./testing/ingest_bench.ts";
import {
  appendDelta,
  copyOf,
  delta,
  deltaSize,
  joined,
  oidOf,
  packOf,
  text,
  whole,
} from "./testing/pack_maker.ts";

const BASE = text("the base of it all, long enough to be worth a delta\n");

function ordinalOf(index: PackIndex, oid: Oid): number {
  const ordinal = index.find(Uint8Array.fromHex(oid));
  assert.ok(ordinal >= 0, `${oid} is stored`);
  return ordinal;
}

/** Stores a pack, lets git judge what was stored, and returns its index. */
async function store(pack: Uint8Array<ArrayBuffer>): Promise<PackIndex> {
  using bench = new IngestBench();
  const { group } = await bench.take(pack);
  const index = await bench.network.commit(group!);
  await using git = await GitSource.create();
  await git.run(["index-pack", "--stdin"], await bench.network.reassemble(group!));
  for (let ordinal = 0; ordinal < index.objectCount; ordinal++) {
    const size = await git.text(["cat-file", "-s", index.oidAt(ordinal)]);
    assert.equal(Number(size), index.sizeAt(ordinal));
  }
  assert.deepEqual(bench.leftovers(), []);
  return index;
}

/** The object that `rounds` appended lines make of {@link BASE}. */
function grownBase(rounds: number): Uint8Array<ArrayBuffer> {
  return joined(BASE, ...Array.from({ length: rounds }, (_, round) => text(`line ${round}\n`)));
}

function growth(round: number): Uint8Array<ArrayBuffer> {
  return appendDelta(grownBase(round).length, text(`line ${round}\n`));
}

Deno.test("PackIngest.ingest() cuts offset chains that are too deep", async () => {
  const entries = [whole("blob", BASE)];
  const rounds = DELTA_DEPTH_MAX * 2 + 10;
  for (let round = 0; round < rounds; round++) {
    entries.push(delta(entries[round]!.length, growth(round)));
  }
  const index = await store(packOf(entries));
  let deepest = 0;
  for (let ordinal = 0; ordinal < index.objectCount; ordinal++) {
    let depth = 0;
    for (let at = ordinal; index.isDelta(at); at = index.baseAt(at)) depth++;
    deepest = Math.max(deepest, depth);
  }
  assert.equal(deepest, DELTA_DEPTH_MAX);
  assert.equal(
    index.isDelta(ordinalOf(index, oidOf("blob", grownBase(DELTA_DEPTH_MAX + 1)))),
    false,
  );
});

Deno.test("PackIngest.ingest() resolves reference deltas in any order", async () => {
  const oids = [0, 1, 2, 3].map((round) => oidOf("blob", grownBase(round)));
  const entries = [
    delta(oids[2]!, growth(2)),
    delta(oids[1]!, growth(1)),
    delta(oids[0]!, growth(0)),
    whole("blob", BASE),
    whole(
      "commit",
      text("tree " + "1".repeat(40) + "\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n"),
    ),
  ];
  const index = await store(packOf(entries));
  assert.deepEqual([index.historyCount, index.contentCount], [1, 4]);
  const storages = oids.map((oid) => index.storageAt(ordinalOf(index, oid)));
  assert.deepEqual(storages, [0, 2, 2, 2]);
});

Deno.test("PackIngest.ingest() makes reference deltas to earlier entries offset deltas", async () => {
  const oid = oidOf("blob", BASE);
  const history = whole(
    "tag",
    text(`object ${oid}\ntype blob\ntag t\ntagger A <a@b> 1 +0000\n\nx`),
  );
  const index = await store(packOf([
    whole("blob", BASE),
    history,
    delta(oid, growth(0)),
  ]));
  const ordinal = ordinalOf(index, oidOf("blob", grownBase(1)));
  assert.equal(index.storageAt(ordinal), 1);
  assert.equal(index.baseAt(ordinal), ordinalOf(index, oid));
});

Deno.test("PackIngest.ingest() rewrites distances over entries of the other pack", async () => {
  const base = whole("blob", BASE);
  const tag = text(`object ${"1".repeat(40)}\ntype blob\ntag t\ntagger A <a@b> 1 +0000\n\n`);
  const between = whole("tag", joined(tag, crypto.getRandomValues(new Uint8Array(30_000))));
  const index = await store(
    packOf([base, between, delta(base.length + between.length, growth(0))]),
  );
  const ordinal = ordinalOf(index, oidOf("blob", grownBase(1)));
  assert.equal(index.offsetAt(ordinal), base.length);
});

Deno.test("PackIngest.ingest() keeps the first of equal objects and what builds on the others", async () => {
  const base = whole("blob", BASE);
  const first = delta(base.length, growth(0));
  const second = whole("blob", grownBase(1));
  using bench = new IngestBench();
  const pack = packOf([base, first, second, delta(second.length, growth(1)), base]);
  const { group, duplicateCount } = await bench.take(pack);
  assert.equal(duplicateCount, 2);
  const index = await bench.network.commit(group!);
  assert.equal(index.objectCount, 3);
  await using git = await GitSource.create();
  await git.run(["index-pack", "--strict", "--stdin"], await bench.network.reassemble(group!));
});

Deno.test("PackIngest.ingest() takes a pack byte by byte", async () => {
  const base = whole("blob", BASE);
  const pack = packOf([base, delta(base.length, growth(0))]);
  using bench = new IngestBench();
  const chunks = ReadableStream.from(Array.from(pack, (byte) => Uint8Array.of(byte)));
  const { group } = await bench.take(chunks);
  assert.equal(group!.contentCount, 2);
});

/** A large object that compresses well. */
function largeBlob(bytes: number): Uint8Array<ArrayBuffer> {
  const blob = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 4096) blob[at] = at >> 12 & 0xff;
  return blob;
}

Deno.test("PackIngest.ingest() resolves deltas of large objects through scratch files", async () => {
  const large = largeBlob(IN_MEMORY_OBJECT_BYTES_MAX + MIB);
  const larger = joined(large, text("more"));
  const small = joined(larger.subarray(100, 4196), text("end"));
  const fromLarge = joined(deltaSize(larger.length), deltaSize(small.length), copyOf(100, 4096), [
    3,
  ], text("end"));
  const entries = [
    delta(oidOf("blob", larger), fromLarge),
    delta(oidOf("blob", large), appendDelta(large.length, text("more"))),
    whole("blob", large),
    delta(oidOf("blob", small), appendDelta(small.length, text("!"))),
  ];
  const index = await store(packOf(entries));
  for (const object of [large, larger, small, joined(small, text("!"))]) {
    assert.equal(index.sizeAt(ordinalOf(index, oidOf("blob", object))), object.length);
  }
  assert.equal(index.baseAt(ordinalOf(index, oidOf("blob", large))), NO_BASE);
});

Deno.test("PackIngest.ingest() makes a large object of a small base, and a small one of a large delta", async () => {
  const base = largeBlob(MIB);
  const copies = Array.from({ length: 40 }, () => copyOf(0, MIB));
  const repeated = joined(...Array.from({ length: 40 }, () => base));
  const toLarge = joined(deltaSize(MIB), deltaSize(repeated.length), ...copies);
  // A delta that is larger than memory should hold, though what it makes is small: one-byte copies.
  const count = 5 * MIB;
  const toSmall = new Uint8Array(8 * count + 16);
  const head = joined(deltaSize(MIB), deltaSize(count));
  toSmall.set(head);
  const step = Uint8Array.from(copyOf(4096, 1));
  for (let at = 0; at < count; at++) toSmall.set(step, head.length + at * 8);
  const bytes = toSmall.subarray(0, head.length + 8 * count);
  assert.ok(bytes.length > IN_MEMORY_OBJECT_BYTES_MAX);
  const first = whole("blob", base);
  const second = delta(first.length, toLarge);
  const index = await store(packOf([first, second, delta(first.length + second.length, bytes)]));
  assert.ok(ordinalOf(index, oidOf("blob", repeated)) > 0);
  assert.ok(ordinalOf(index, oidOf("blob", new Uint8Array(count).fill(1))) > 0);
});
