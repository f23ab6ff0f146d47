import assert from "node:assert/strict";
import { AccountStage } from "./testing/account_stage.ts";

Deno.test("memberHandlers() add and remove owners", () =>
  AccountStage.run(async (stage, admin) => {
    const { status, body } = await admin("POST /owners", { name: "team" });
    assert.equal(status, 201);
    assert.deepEqual((await admin("GET /owners")).body, { owners: [body] });
    assert.equal((await admin("POST /users", { name: "Team" })).status, 409);
    assert.equal((await (await stage.user("alice"))("GET /owners")).status, 403);
    assert.equal((await admin("DELETE /owners/team")).status, 204);
    assert.equal((await admin("DELETE /owners/team")).status, 404);
  }));

Deno.test("memberHandlers() give roles with an owner that work at once", () =>
  AccountStage.run(async (stage, admin) => {
    const alice = await stage.user("alice");
    await admin("POST /owners", { name: "team" });
    assert.equal((await alice("POST /repos", { name: "team/one" })).status, 404);
    const set = await admin("PUT /owners/team/members/alice", { role: "write" });
    assert.equal(set.status, 200);
    assert.equal(set.body.user, "alice");
    assert.equal((await alice("POST /repos", { name: "team/one" })).status, 201);
    assert.equal((await alice("GET /owners/team/members")).status, 403);
    assert.equal((await admin("PUT /owners/team/members/alice", { role: "admin" })).status, 200);
    assert.deepEqual((await alice("GET /owners/team/members")).body.members[0].role, "admin");
    const { body: { grants } } = await alice("GET /users/alice/grants");
    assert.deepEqual(grants.map((one: { owner: string }) => one.owner), ["team"]);
    assert.equal((await admin("DELETE /owners/team/members/alice")).status, 204);
    assert.equal((await alice("GET /repos/team/one")).status, 404);
    assert.equal((await admin("PUT /owners/team/members/nobody", { role: "read" })).status, 404);
    assert.equal((await admin("PUT /owners/none/members/alice", { role: "read" })).status, 404);
  }));

Deno.test("memberHandlers() give roles in one repository", () =>
  AccountStage.run(async (stage) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    await alice("POST /repos", { name: "alice/one" });
    assert.equal((await bob("GET /repos/alice/one")).status, 404);
    const role = { role: "read" };
    assert.equal((await alice("PUT /repos/alice/one/members/bob", role)).status, 200);
    assert.equal((await bob("GET /repos/alice/one")).status, 200);
    assert.equal((await bob("GET /repos")).body.repositories.length, 1);
    assert.equal((await bob("GET /repos/alice/one/members")).status, 403);
    const { body: { members } } = await alice("GET /repos/alice/one/members");
    assert.deepEqual(members.map((one: { user: string }) => one.user), ["bob"]);
    assert.equal((await alice("DELETE /repos/alice/one/members/bob")).status, 204);
    assert.equal((await bob("GET /repos/alice/one")).status, 404);
  }));
