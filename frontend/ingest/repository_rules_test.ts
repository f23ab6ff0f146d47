import assert from "node:assert/strict";
import { GitStratumError, INGEST_INLINE_BYTES_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { DEFAULT_REPOSITORY_SETTINGS, type RepositorySettings } from "@gitstratum/core/rpc";
import { IngestBench } from "./testing/ingest_bench.ts";
import {
  commit,
  copyOf,
  delta,
  deltaSize,
  joined,
  packOf,
  text,
  tree,
  whole,
} from "./testing/pack_maker.ts";

/** Ingests a pack into a repository with some settings: the group, or why it was refused. */
async function outcome(
  bench: IngestBench,
  settings: Partial<RepositorySettings>,
  pack: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
): Promise<string> {
  const repository = {
    ...bench.network.repository,
    settings: { ...DEFAULT_REPOSITORY_SETTINGS, ...settings },
  };
  const stream = pack instanceof ReadableStream ? pack : new Blob([pack]).stream();
  try {
    await bench.ingest.ingest({ pack: stream, repository, tips: [] });
    return "stored";
  } catch (error) {
    assert.ok(error instanceof GitStratumError && error.code === "invalid", String(error));
    return error.describe();
  }
}

Deno.test("PackIngest.ingest() holds objects to the repository's size limit", async () => {
  using bench = new IngestBench();
  const base = whole("blob", text("x".repeat(100)));
  const doubled = joined(deltaSize(100), deltaSize(200), copyOf(0, 100), copyOf(0, 100));
  // A delta that says little with many instructions, longer than what it makes.
  const wordy = joined(
    deltaSize(100),
    deltaSize(100),
    ...Array.from({ length: 100 }, () => copyOf(0, 1)),
  );
  const tooLarge = /object above the size limit.*\b(100|200)\b/;
  const large = packOf([base]);
  assert.match(await outcome(bench, { objectBytesMax: 99 }, large), tooLarge);
  assert.equal(await outcome(bench, { objectBytesMax: 100 }, large), "stored");
  const grown = packOf([base, delta(base.length, doubled)]);
  assert.match(await outcome(bench, { objectBytesMax: 199 }, grown), tooLarge);
  assert.equal(await outcome(bench, { objectBytesMax: 200 }, grown), "stored");
  assert.ok(wordy.length > 100);
  const same = packOf([base, delta(base.length, wordy)]);
  assert.equal(await outcome(bench, { objectBytesMax: 100 }, same), "stored");
  assert.deepEqual(bench.leftovers(), []);
});

Deno.test("PackIngest.ingest() refuses a pack above the repository's limit while it arrives", async () => {
  using bench = new IngestBench();
  const small = packOf([whole("blob", text("small"))]);
  const limit = { pushBytesMax: small.length };
  assert.equal(await outcome(bench, limit, small), "stored");
  const tooLong = /pack above the size limit/;
  assert.match(await outcome(bench, { pushBytesMax: small.length - 1 }, small), tooLong);

  for (const pushBytesMax of [200_000, INGEST_INLINE_BYTES_MAX + 200_000]) {
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    const pack = packOf([whole("blob", noise)], { count: 1_000_000 }).subarray(0, -20);
    let sent = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        // The announced objects never end, and neither does the stream.
        controller.enqueue(sent === 0 ? pack : pack.subarray(12));
        sent += pack.length;
      },
      cancel: () => void (isCancelled = true),
    });
    assert.match(await outcome(bench, { pushBytesMax }, endless), tooLong);
    assert.ok(isCancelled && sent < pushBytesMax + 3 * pack.length);
  }
  assert.deepEqual(bench.leftovers(), []);
});

Deno.test("PackIngest.ingest() checks objects as the repository says", async () => {
  using bench = new IngestBench();
  const blob = text("x");
  const commitText = new TextDecoder().decode(commit("1".repeat(40) as Oid));
  const odd = new TextEncoder().encode(commitText.replaceAll(/ <[^>]*>/g, ""));
  assert.notEqual(commitText.length, odd.length);
  const pack = packOf([whole("blob", blob), whole("tree", tree([])), whole("commit", odd)]);
  assert.match(await outcome(bench, {}, pack), /missingEmail/);
  assert.match(await outcome(bench, { fsck: { badTimezone: "ignore" } }, pack), /missingEmail/);
  assert.equal(await outcome(bench, { fsck: { missingEmail: "warn" } }, pack), "stored");
});
