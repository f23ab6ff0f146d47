import assert from "node:assert/strict";
import { AdminStage } from "./testing/admin_stage.ts";

Deno.test("EVENT_COMMANDS list who did what", () =>
  AdminStage.run(async (stage) => {
    await stage.run(["user", "add", "alice"]);
    const { out } = await stage.run(["audit", "--user", "root", "--limit", "1"]);
    assert.equal(out.length, 2);
    assert.match(out[1]!, /root +.*user-created +alice/);
    const old = await stage.run(["audit", "--until", "9999d"]);
    assert.deepEqual(old.errors, ["There are none"]);
    const own = await stage.run(["audit", "--of", "alice", "--json"]);
    assert.deepEqual(own.out.map((line) => JSON.parse(line).owner), ["alice"]);
    assert.equal((await stage.run(["audit", "--of", "a/b/c"])).code, 2);
  }));

Deno.test("EVENT_COMMANDS manage webhooks of repositories and owners alike", () =>
  AdminStage.run(async (stage) => {
    await stage.ask("POST /repos", { name: "root/one" });
    for (const target of ["root/one", "root"]) {
      const ok = async (...args: string[]) => {
        const run = await stage.run([...args, "--json"], { files: { key: "0123456789abcdef\n" } });
        assert.deepEqual([run.code, run.errors], [0, []], args.join(" "));
        return run.out.map((line) => JSON.parse(line));
      };
      const hook = ["--url", "https://hook.example/", "--events", "push,create"];
      const [made] = await ok("webhook", "add", target, ...hook, "--secret-file", "key");
      assert.equal(made.secret, "0123456789abcdef");
      const [set] = await ok("webhook", "set", target, made.id, "--no-active");
      assert.equal(set.active, false);
      assert.equal((await ok("webhook", "list", target)).length, 1);
      const delivery = stage.accounts.deliveries.add(made.id, 5);
      const [told] = await ok("webhook", "deliveries", target, made.id, "--state", "dead");
      assert.equal(told.id, delivery);
      const [again] = await ok("webhook", "replay", target, made.id, delivery);
      assert.equal(again.state, "waiting");
      await ok("webhook", "remove", target, made.id);
      assert.deepEqual(await ok("webhook", "list", target), []);
    }
  }));
