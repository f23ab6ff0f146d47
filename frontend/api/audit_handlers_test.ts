import assert from "node:assert/strict";
import { AccountStage } from "./testing/account_stage.ts";

Deno.test("auditHandlers() tell who did what, by which token, page by page", () =>
  AccountStage.run(async (stage, admin) => {
    for (const name of ["alice", "bob", "carol"]) await admin("POST /users", { name });
    const kinds: string[] = [];
    for (let next: string | undefined = ""; next !== undefined;) {
      const { body } = await admin(
        `GET /audit?user=root&limit=2${next === "" ? "" : `&after=${next}`}`,
      );
      for (const { kind, by, at } of body.events) {
        kinds.push(kind);
        assert.equal(by.user, "root");
        assert.equal(by.transport, "api");
        assert.equal(by.credential.kind, "token");
        assert.match(at, /^\d{4}-/);
      }
      next = body.next;
    }
    assert.deepEqual(kinds, ["user-created", "user-created", "user-created"]);
    assert.deepEqual((await admin("GET /audit?since=2999-01-01T00:00:00Z")).body, { events: [] });
    assert.equal((await admin("GET /audit?since=yesterday")).status, 400);
    assert.equal((await (await stage.user("dan"))("GET /audit")).status, 403);
    assert.equal((await stage.as(undefined)("GET /audit")).status, 401);
  }));

Deno.test("auditHandlers() tell of owners to those who manage them", () =>
  AccountStage.run(async (stage, admin) => {
    const alice = await stage.user("alice");
    await admin("POST /owners", { name: "team" });
    assert.equal((await alice("GET /owners/team/audit")).status, 404);
    await admin("PUT /owners/team/members/alice", { role: "admin" });
    const { body: { events } } = await alice("GET /owners/team/audit");
    assert.ok(events.length > 0);
    assert.ok(events.every((one: { owner: string }) => one.owner === "team"));
    await alice("POST /repos", { name: "alice/one", settings: { visibility: "public" } });
    assert.equal((await alice("GET /repos/alice/one/audit")).status, 200);
    const bob = await stage.user("bob");
    assert.equal((await bob("GET /repos/alice/one/audit")).status, 403);
  }));

Deno.test("auditHandlers() never show a secret", () =>
  AccountStage.run(async (_, admin) => {
    await admin("POST /users", { name: "alice" });
    const { body: { token } } = await admin("POST /users/alice/tokens", { scopes: ["account"] });
    const { body: { secret } } = await admin("POST /owners/alice/webhooks", {
      url: "https://hook.example/x",
      events: ["push"],
    });
    const { body } = await admin("GET /audit?limit=100");
    const text = JSON.stringify(body);
    assert.ok(body.events.length >= 3);
    assert.ok(!text.includes(token) && !text.includes(secret));
  }));
