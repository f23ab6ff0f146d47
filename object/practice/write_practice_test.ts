import assert from "node:assert/strict";
import { silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import { rehearse } from "@gitstratum/core/process";
import { openWritePractice } from "./write_practice.ts";

Deno.test("openWritePractice() writes and reads again and again", async () => {
  const parts = { clock: systemClock, random: systemRandom };
  const count = await rehearse((releases) => openWritePractice({ ...parts, releases }), {
    budgetMs: 60_000,
    roundCountMax: 5,
    clock: systemClock,
    logger: { ...silentLogger, warn: (text, facts) => assert.fail(`${text} ${facts?.error}`) },
  });
  assert.equal(count, 5);
});
