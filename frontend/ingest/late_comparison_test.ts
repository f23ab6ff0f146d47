import assert from "node:assert/strict";
import type { Oid } from "@gitstratum/core/git";
import { LATE_COMPARISON_COUNT_MAX } from "@gitstratum/core";
import { IngestBench } from "./testing/ingest_bench.ts";
import { oidOf, packOf, text, whole } from "./testing/pack_maker.ts";

const blobs = (...texts: readonly string[]) =>
  packOf(texts.map((content) => whole("blob", text(content))));
const blobId = (content: string) => oidOf("blob", text(content)) as Oid;

/** Takes a pack in for somebody who compares later; what is to be compared, and what was asked. */
async function take(bench: IngestBench, bytes: Uint8Array<ArrayBuffer>) {
  const known = bench.network.known.bind(bench.network);
  let questionCount = 0;
  bench.network.known = (key, oids) => {
    questionCount++;
    return known(key, oids);
  };
  const taken = await bench.ingest.ingest({
    pack: new Blob([bytes]).stream(),
    repository: bench.network.repository,
    tips: [],
    comparesLater: true,
  });
  bench.network.known = known;
  return { ...taken, questionCount };
}

Deno.test("PackIngest.ingest() leaves a small pack to be compared later, and a large one not", async () => {
  using bench = new IngestBench();
  const small = await take(bench, blobs("one\n", "two\n"));
  assert.equal(small.questionCount, 0);
  assert.deepEqual([...small.comparison!.oids].sort(), [blobId("one\n"), blobId("two\n")].sort());
  const texts = Array.from({ length: LATE_COMPARISON_COUNT_MAX + 1 }, (_, number) => `${number}\n`);
  const large = await take(bench, blobs(...texts));
  assert.equal(large.comparison, undefined);
  assert.equal(large.questionCount, 1);
  assert.equal((await bench.take(blobs("one\n"))).digests, undefined, "who does not offer it");
});

Deno.test("LateComparison.compare() takes copies, and refuses other objects", async () => {
  using bench = new IngestBench();
  const first = await take(bench, blobs("one\n", "two\n"));
  await bench.network.commit(first.group!);
  const again = await take(bench, blobs("one\n", "two\n", "three\n"));
  await again.comparison!.compare(again.comparison!.oids);
  // As if the network's copy had collided: it answers with another object's bytes.
  bench.network.alias(blobId("one\n"), blobId("two\n"));
  await again.comparison!.compare([blobId("two\n"), blobId("three\n")]);
  await assert.rejects(again.comparison!.compare([blobId("one\n")]), {
    code: "invalid",
    message: "Reject a hash collision",
  });
  assert.deepEqual(bench.leftovers(), []);
});
