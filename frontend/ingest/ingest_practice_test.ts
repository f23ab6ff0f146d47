import assert from "node:assert/strict";
import { INGEST_INLINE_RING_BYTES } from "@gitstratum/core";
import { IngestMemory } from "./ingest_memory.ts";
import { practiseIngest } from "./ingest_practice.ts";

const memory = IngestMemory.create(INGEST_INLINE_RING_BYTES);

Deno.test("practiseIngest() takes as many packs in as it was told", async () => {
  assert.equal(await practiseIngest(memory, { rounds: 2, isWanted: () => false }), 2);
});

Deno.test("practiseIngest() stops between two packs when it is wanted for something", async () => {
  let asked = 0;
  assert.equal(await practiseIngest(memory, { rounds: 5, isWanted: () => asked++ > 0 }), 1);
});
