import assert from "node:assert/strict";
import { silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import { rehearse } from "@gitstratum/core/process";
import { openPushPractice } from "./push_practice.ts";

Deno.test("openPushPractice() takes push after push, and leaves no file behind", async () => {
  const root = await Deno.makeTempDir();
  const directory = `${root}/practice`;
  const parts = { directory, clock: systemClock, random: systemRandom };
  const count = await rehearse((releases) => openPushPractice({ ...parts, releases }), {
    budgetMs: 60_000,
    roundCountMax: 5,
    clock: systemClock,
    logger: { ...silentLogger, warn: (text, facts) => assert.fail(`${text} ${facts?.error}`) },
  });
  assert.equal(count, 5);
  assert.deepEqual([...Deno.readDirSync(root)], []);
  await Deno.remove(root);
});
