import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { INGEST_INLINE_BYTES_MAX } from "@gitstratum/core";
import { SpareWorker } from "./spare_worker.ts";
import { IngestBench } from "./testing/ingest_bench.ts";
import { packOf, whole } from "./testing/pack_maker.ts";

/** More than is taken in without a thread. */
const LARGE = packOf([whole("blob", new Uint8Array(randomBytes(2 * INGEST_INLINE_BYTES_MAX)))]);

Deno.test("SpareWorker.take() gives the thread that was prepared, once", async () => {
  const spare = new SpareWorker();
  await spare.prepare(1);
  await spare.prepare(1);
  const first = spare.take();
  const second = spare.take();
  assert.notEqual(first, second);
  for (const worker of [first, second]) worker.terminate();
});

Deno.test("SpareWorker.prepare() ends with the thread that is taken or closed meanwhile", async () => {
  const spare = new SpareWorker();
  const taken = spare.prepare(1000);
  spare.take().terminate();
  await taken;
  const closed = spare.prepare(1000);
  spare.close();
  await closed;
});

Deno.test("PackIngest.prepare() has a large pack taken in by a thread that practised", async () => {
  using bench = new IngestBench();
  try {
    await bench.ingest.prepare();
    // Two in a row: the second one meets the thread that took the place of the first.
    for (let round = 0; round < 2; round++) {
      const { objectCount } = await bench.take(LARGE);
      assert.equal(objectCount, 1);
    }
    assert.deepEqual(bench.leftovers(), []);
  } finally {
    bench.ingest.close();
  }
});
