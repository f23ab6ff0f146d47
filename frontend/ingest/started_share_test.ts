import assert from "node:assert/strict";
import { type GitStratumError, INGEST_SHARE_ENTRY_COUNT_MIN } from "@gitstratum/core";
import { IngestBench } from "./testing/ingest_bench.ts";
import { appendDelta, delta, oidOf, packOf, text, tree, whole } from "./testing/pack_maker.ts";
import { type SharePlace, StartedShare } from "./started_share.ts";

const BLOB_BYTES = 120;

/** Notes the modules of threads that are made while it is not disposed of. */
class MadeThreads implements Disposable {
  readonly names: string[] = [];
  readonly #original = globalThis.Worker;

  constructor() {
    const { names } = this;
    globalThis.Worker = class extends this.#original {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        names.push(new URL(url).pathname.split("/").at(-1)!);
      }
    };
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#original;
  }
}

/** Blobs of noise, each followed by a delta on it. */
function pairs(count: number): { entries: Uint8Array<ArrayBuffer>[]; oids: string[] } {
  const entries: Uint8Array<ArrayBuffer>[] = [];
  const oids: string[] = [];
  const noise = new Uint8Array(BLOB_BYTES);
  for (let pair = 0; pair < count; pair++) {
    crypto.getRandomValues(noise);
    const base = whole("blob", noise);
    entries.push(base, delta(base.length, appendDelta(BLOB_BYTES, text("more"))));
    oids.push(oidOf("blob", noise), oidOf("blob", new Uint8Array([...noise, ...text("more")])));
  }
  return { entries, oids };
}

Deno.test("PackIngest.ingest() shares a pack of many entries between two threads", async () => {
  const { entries, oids } = pairs(INGEST_SHARE_ENTRY_COUNT_MIN / 2);
  using threads = new MadeThreads();
  using bench = new IngestBench();
  const result = await bench.take(packOf(entries));
  const index = await bench.network.commit(result.group!);
  const stored = Array.from({ length: index.objectCount }, (_, ordinal) => index.oidAt(ordinal));
  assert.deepEqual(stored.sort(), oids.sort());
  assert.deepEqual(threads.names, ["ingest_worker.ts", "share_worker.ts"]);
  assert.deepEqual(bench.leftovers(), []);
});

Deno.test("PackIngest.ingest() shares no pack of few entries", async () => {
  const { entries } = pairs(INGEST_SHARE_ENTRY_COUNT_MIN / 2 - 1);
  using threads = new MadeThreads();
  using bench = new IngestBench();
  assert.equal((await bench.take(packOf(entries))).objectCount, entries.length);
  assert.deepEqual(threads.names, ["ingest_worker.ts"]);
});

Deno.test("PackIngest.ingest() refuses a shared pack as any other, and leaves nothing", async () => {
  const { entries, oids } = pairs(INGEST_SHARE_ENTRY_COUNT_MIN / 2);
  const name = "a/b";
  entries.push(whole("tree", tree([["100644", name, oids[0] as ReturnType<typeof oidOf>]])));
  using bench = new IngestBench();
  await assert.rejects(bench.take(packOf(entries)), (error: GitStratumError) => {
    assert.equal(error.code, "invalid");
    assert.match(String(error.data.problem), /fullPathname/);
    return true;
  });
  assert.deepEqual(bench.leftovers(), []);
  assert.equal(bench.network.extents.count, 0);
});

Deno.test("PackIngest.ingest() of a shared pack is aborted while it waits", async () => {
  const { entries } = pairs(INGEST_SHARE_ENTRY_COUNT_MIN / 2);
  const pack = packOf(entries);
  const abort = new AbortController();
  const reason = new Error("gone");
  let isScanned = false;
  using bench = new IngestBench();
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(pack.subarray(0, -1)),
  });
  const progress = (line: string) => {
    if (isScanned || !line.startsWith("Unpacking")) return;
    isScanned = true;
    abort.abort(reason);
  };
  await assert.rejects(bench.take(stream, [], { signal: abort.signal, progress }), reason);
  assert.ok(isScanned);
  assert.deepEqual(bench.leftovers(), []);
});

Deno.test("StartedShare tells of a thread that was lost", async () => {
  const lost = Promise.withResolvers<GitStratumError>();
  // Memory that is not shared can not be waited for: the thread fails.
  const place = { directory: "/", spoolName: "none", ended: new Int32Array(1) };
  const started = new StartedShare(place as unknown as SharePlace, lost.resolve);
  const error = await lost.promise;
  assert.equal(error.code, "unavailable");
  assert.equal(error.message, "Lose a thread of an ingest");
  started.close();
  started.port.close();
});
