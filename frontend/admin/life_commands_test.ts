import assert from "node:assert/strict";
import { AdminStage } from "./testing/admin_stage.ts";

Deno.test("LIFE_COMMANDS rename, fork, delete and bring back", () =>
  AdminStage.run(async (stage) => {
    const ok = async (...args: string[]) => {
      const run = await stage.run([...args, "--json"]);
      assert.deepEqual([run.code, run.errors], [0, []], args.join(" "));
      return run.out.map((line) => JSON.parse(line));
    };
    await ok("repository", "create", "root/one");
    const [renamed] = await ok("repository", "rename", "root/one", "root/two");
    assert.equal(renamed.name, "root/two");
    const [fork] = await ok("repository", "fork", "root/two", "root/fork");
    assert.equal(fork.parent, renamed.id);
    const [usage] = await ok("repository", "usage", "root/two");
    assert.equal(usage.referenceCount, 3);
    await ok("repository", "delete", "root/two", "root/fork");
    const deleted = await ok("deleted", "list", "--owner", "root");
    assert.deepEqual(deleted.map(({ name }) => name), ["root/fork", "root/two"]);
    const [back] = await ok("deleted", "restore", "root/two", "--as", "root/three");
    assert.deepEqual([back.id, back.name], [renamed.id, "root/three"]);
    await ok("deleted", "purge", "root/fork", "--id", fork.id);
    assert.deepEqual((await stage.run(["deleted", "list"])).errors, ["There are none"]);
    const wrong = await stage.run(["deleted", "restore", "root/x", "--id", "1"]);
    assert.equal(wrong.code, 2);
  }));
