/**
 * Runs with planted bugs: each is noticed, so the simulation is known to be able to fail.
 */

import { ok } from "node:assert/strict";
import { PLANTED_BUGS } from "./faults/mutations.ts";
import { simulate } from "./simulation.ts";

/** Runs within which a planted bug has to be noticed. */
const SEED_COUNT_MAX = 20;

for (const bug of PLANTED_BUGS) {
  Deno.test(`simulate() notices that ${bug.name} (${bug.promise})`, async () => {
    for (let seed = 1; seed <= SEED_COUNT_MAX; seed++) {
      const { violations } = await simulate({ seed, mutation: bug, stopsAtFirst: true });
      if (violations.length > 0) return;
    }
    ok(false, `Nothing was noticed in ${SEED_COUNT_MAX} runs`);
  });
}
