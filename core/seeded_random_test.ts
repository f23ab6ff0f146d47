import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import { SeededRandom } from "./seeded_random.ts";

Deno.test("SeededRandom repeats for a seed and differs between seeds", () => {
  deepEqual(new SeededRandom(7).bytes(100), new SeededRandom(7).bytes(100));
  notDeepEqual(new SeededRandom(7).bytes(100), new SeededRandom(8).bytes(100));
});

Deno.test("SeededRandom.below() reaches every value below its limit and none beside", () => {
  const random = new SeededRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let round = 0; round < 10_000; round++) counts[random.below(10)]!++;
  equal(counts.length, 10);
  for (const count of counts) equal(count > 800 && count < 1200, true);
});
