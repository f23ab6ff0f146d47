/**
 * A few seeds of the simulation, and that a seed is a run. Many seeds: `deno task sim --seeds 2000`.
 */

import { deepEqual, equal, notEqual } from "node:assert/strict";
import { simulate } from "./simulation.ts";

const FIRST = Number(Deno.env.get("GITSTRATUM_SIM_SEED") ?? 1);
const COUNT = Number(Deno.env.get("GITSTRATUM_SIM_SEEDS") ?? 3);

Deno.test("simulate() replays a seed to the last event", async () => {
  const first = await simulate({ seed: FIRST });
  const again = await simulate({ seed: FIRST });
  equal(again.traceHash, first.traceHash);
  deepEqual(again, first);
  const other = await simulate({ seed: FIRST + 1, troubleMs: 5000 });
  notEqual(other.traceHash, first.traceHash);
});

for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
  Deno.test(`simulate() breaks no promise with seed ${seed}`, async () => {
    const { violations, counts } = await simulate({ seed });
    deepEqual(violations, []);
    notEqual(counts.updates, 0);
    notEqual(counts.packs, 0);
  });
}
