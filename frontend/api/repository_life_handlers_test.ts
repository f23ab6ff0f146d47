import assert from "node:assert/strict";
import { AccountStage } from "./testing/account_stage.ts";

Deno.test("repositoryLifeHandlers() rename, and lead from the old name to the new one", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    await alice("POST /repos", { name: "alice/old" });
    const renamed = await alice("POST /repos/alice/old/rename", { name: "alice/new" });
    assert.equal(renamed.body.name, "alice/new");
    const moved = await alice("GET /repos/alice/old/members?limit=2");
    assert.equal(moved.status, 308);
    assert.equal(moved.headers.get("location"), "/api/v1/repos/alice/new/members?limit=2");
    const deletion = await alice("DELETE /repos/alice/old");
    assert.equal(deletion.status, 308);
    assert.equal((await alice("GET /repos/alice/new")).status, 200);
    const bob = await stage.user("bob");
    assert.equal(
      (await bob("GET /repos/alice/old")).status,
      404,
      "a new name is no secret to tell",
    );
  }));

Deno.test("repositoryLifeHandlers() transfer to owners for whom one may create", () =>
  AccountStage.run(async (stage, admin) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    await alice("POST /repos", { name: "alice/one" });
    const transfer = () => alice("POST /repos/alice/one/rename", { name: "bob/one" });
    assert.equal((await transfer()).status, 404);
    assert.equal((await bob("PUT /owners/bob/members/alice", { role: "write" })).status, 200);
    assert.equal((await transfer()).status, 200);
    assert.equal((await admin("GET /repos/bob/one")).status, 200);
    assert.equal((await alice("DELETE /repos/bob/one")).status, 403);
  }));

Deno.test("repositoryLifeHandlers() fork what one may read, for whom one may create", () =>
  AccountStage.run(async (stage) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    const { body: parent } = await alice("POST /repos", { name: "alice/one" });
    const fork = (name: string) => bob("POST /repos/alice/one/forks", { name });
    assert.equal((await fork("bob/one")).status, 404);
    await alice("PATCH /repos/alice/one", { settings: { visibility: "internal" } });
    const made = await fork("bob/one");
    assert.equal(made.status, 201);
    assert.equal(made.headers.get("location"), "/api/v1/repos/bob/one");
    assert.equal(made.body.parent, parent.id);
    assert.equal(made.body.settings.visibility, "internal");
    assert.equal((await fork("alice/two")).status, 404);
  }));

Deno.test("repositoryLifeHandlers() show what repositories take to those who configure them", () =>
  AccountStage.run(async (stage) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    await alice("POST /repos", { name: "alice/one", settings: { visibility: "public" } });
    assert.equal((await alice("GET /repos/alice/one/usage")).body.networkBytes, 10);
    assert.equal((await bob("GET /repos/alice/one/usage")).status, 403);
  }));

Deno.test("repositoryLifeHandlers() bring back what was deleted, to those who may delete", () =>
  AccountStage.run(async (stage, admin) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    const ids: string[] = [];
    for (const name of ["alice/one", "alice/one", "alice/two"]) {
      ids.push((await alice("POST /repos", { name, settings: { visibility: "public" } })).body.id);
      await alice(`DELETE /repos/${name}`);
    }
    assert.deepEqual((await bob("GET /deleted-repos")).body, { repositories: [] });
    const listed = (await alice("GET /deleted-repos?owner=alice")).body.repositories;
    assert.deepEqual(listed.map((one: { name: string }) => one.name), [
      "alice/one",
      "alice/one",
      "alice/two",
    ]);
    const path = "POST /deleted-repos/alice/one/restore";
    assert.equal((await bob(path, {})).status, 403, "a public one is no secret");
    assert.equal((await alice(path, { name: "bob/one" })).status, 404);
    assert.equal((await alice(path, {})).body.id, ids[1], "the last one deleted");
    const first = await alice(path, { id: ids[0], name: "alice/first" });
    assert.deepEqual([first.body.id, first.body.name], [ids[0], "alice/first"]);
    assert.equal((await alice(path, {})).status, 404);
    assert.equal((await alice("DELETE /deleted-repos/alice/two")).status, 403);
    assert.equal((await admin("DELETE /deleted-repos/alice/two")).status, 204);
    assert.deepEqual((await alice("GET /deleted-repos")).body, { repositories: [] });
  }));
