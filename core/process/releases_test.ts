import assert from "node:assert/strict";
import { Releases } from "./releases.ts";

Deno.test("Releases.opening() releases what was made before a step failed", async () => {
  const ran: string[] = [];
  const open = (fails: boolean) =>
    Releases.opening((releases) => {
      releases.add(() => void ran.push("released"));
      return fails ? Promise.reject(new Error("second")) : Promise.resolve("opened");
    });
  assert.equal(await open(false), "opened");
  assert.deepEqual(ran, []);
  await assert.rejects(open(true), /second/);
  assert.deepEqual(ran, ["released"]);
});

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
