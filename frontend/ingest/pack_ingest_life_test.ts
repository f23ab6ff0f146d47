import assert from "node:assert/strict";
import { GitStratumError, INGEST_INLINE_BYTES_MAX } from "@gitstratum/core";
import { IngestBench } from "./testing/ingest_bench.ts";
import { packOf, whole } from "./testing/pack_maker.ts";

function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
  return data;
}

/** A pack too large for memory. */
const LARGE = packOf([whole("blob", noise(2 * INGEST_INLINE_BYTES_MAX))]);

/** A stream that stops after some bytes and stays open. */
function stalling(bytes: Uint8Array) {
  const cancelled = Promise.withResolvers<unknown>();
  const waiting = Promise.withResolvers<void>();
  let sent = false;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent) return waiting.resolve();
      sent = true;
      controller.enqueue(bytes);
    },
    cancel: (reason) => cancelled.resolve(reason),
  }, { highWaterMark: 0 });
  return { stream, cancelled: cancelled.promise, waiting: waiting.promise };
}

for (const bytes of [100, LARGE.length - 1]) {
  Deno.test(`PackIngest.ingest() is aborted while it waits behind ${bytes > 100 ? "many" : "few"} bytes`, async () => {
    using bench = new IngestBench();
    const abort = new AbortController();
    const { stream, cancelled, waiting } = stalling(LARGE.subarray(0, bytes));
    const taken = bench.take(stream, [], { signal: abort.signal });
    await waiting;
    abort.abort(new Error("gone"));
    await assert.rejects(taken, /gone/);
    await cancelled;
    assert.deepEqual(bench.leftovers(), []);
    assert.equal(bench.network.extents.count, 0);
  });
}

Deno.test("PackIngest.ingest() passes a stream's failure on", async () => {
  for (const bytes of [100, LARGE.length - 1]) {
    using bench = new IngestBench();
    let sent = false;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return controller.error(new Error("connection reset"));
        sent = true;
        controller.enqueue(LARGE.subarray(0, bytes));
      },
    });
    await assert.rejects(bench.take(stream), /connection reset/);
    assert.deepEqual(bench.leftovers(), []);
  }
});

Deno.test("PackIngest.ingest() takes extents back when a later write fails", async () => {
  using bench = new IngestBench();
  const { extents } = bench.network;
  const write = extents.write.bind(extents);
  extents.write = async (owner, writes) => {
    await write(owner, writes);
    throw new GitStratumError("disk-full", "Run out of room");
  };
  for (const pack of [packOf([whole("blob", noise(100))]), LARGE]) {
    await assert.rejects(bench.take(pack), { code: "disk-full" });
    assert.equal(extents.count, 0);
    assert.deepEqual(bench.leftovers(), []);
  }
});

Deno.test("PackIngest sweeps at its start what a crash left", () => {
  using bench = new IngestBench();
  Deno.writeTextFileSync(`${bench.directory}/ingest-0123-spool`, "left");
  Deno.writeTextFileSync(`${bench.directory}/other`, "not ours");
  bench.restart();
  assert.deepEqual(bench.leftovers(), ["other"]);
});

Deno.test("PackIngest.ingest() runs many at once", async () => {
  using bench = new IngestBench();
  const packs = Array.from(
    { length: 12 },
    (_, index) => index % 4 === 0 ? LARGE : packOf([whole("blob", noise(1000 + index))]),
  );
  const results = await Promise.all(packs.map((pack) => bench.take(pack)));
  assert.equal(new Set(results.map(({ group }) => group!.groupId)).size, packs.length);
  assert.deepEqual(bench.leftovers(), []);
});
