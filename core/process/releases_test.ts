import assert from "node:assert/strict";
import { Releases } from "./releases.ts";

Deno.test("Releases.run() goes backwards, once, past failures", async () => {
  const ran: string[] = [];
  const releases = new Releases();
  releases.add(() => void ran.push("first"));
  releases.add(() => {
    ran.push("second");
    throw new Error("second");
  });
  releases.add(async () => {
    await Promise.resolve();
    ran.push("third");
    throw new Error("third");
  });
  await assert.rejects(releases.run(), /third/);
  assert.deepEqual(ran, ["third", "second", "first"]);
  await releases.run();
  assert.equal(ran.length, 3);
});
