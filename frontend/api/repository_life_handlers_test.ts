import assert from "node:assert/strict";
import { type Clock, GitStratumError, HIDDEN_ANSWER_GRAIN_MS, systemClock } from "@gitstratum/core";
import type { RepositoryId } from "@gitstratum/core/rpc";
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

Deno.test("repositoryHandlers() have deleted what is gone when they come to delete it", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    await alice("POST /repos", { name: "alice/one" });
    const { repositories } = stage.api;
    const remove = repositories.deleteRepository.bind(repositories);
    repositories.deleteRepository = async (key, request) => {
      await remove(key, request);
      throw new GitStratumError("not-found", "Find no such repository");
    };
    assert.equal((await alice("DELETE /repos/alice/one")).status, 204);
    assert.equal((await alice("DELETE /repos/alice/one")).status, 404, "nobody finds it by name");
  }));

Deno.test("repositoryLifeHandlers() find each of thousands that had one name", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const { body: made } = await alice("POST /repos", { name: "alice/one" });
    await alice("DELETE /repos/alice/one");
    const { deleted } = stage.api.repositories;
    const [first] = deleted;
    const idOf = (number: number) => number.toString(16).padStart(32, "0") as RepositoryId;
    for (let number = 1000; number < 2200; number++) {
      const deletedAtMs = number === 1500 ? 9999 : number;
      deleted.push({ ...first!, repositoryId: idOf(number), deletedAtMs });
    }
    const seen = new Set<string>();
    for (let after = "";;) {
      const { body } = await alice(`GET /deleted-repos?limit=500${after}`);
      for (const { id } of body.repositories) seen.add(id);
      if (body.next === undefined) break;
      after = `&after=${body.next}`;
    }
    assert.equal(seen.size, 1201);
    const restore = (body: unknown) => alice("POST /deleted-repos/alice/one/restore", body);
    assert.equal((await restore({ name: "alice/last" })).body.id, idOf(1500));
    for (const id of [made.id, idOf(1000), idOf(2199), idOf(2198)]) {
      assert.equal((await restore({ id, name: `alice/${id.slice(-5)}` })).body.id, id);
    }
    assert.equal((await restore({ id: idOf(3000) })).status, 404);
  }));

Deno.test("repositoryLifeHandlers() ask for an id where more had a name than are looked through", () =>
  AccountStage.run(async (stage) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    await alice("POST /repos", { name: "alice/one" });
    await alice("DELETE /repos/alice/one");
    const { deleted } = stage.api.repositories;
    for (let number = 1; number <= 10_000; number++) {
      const repositoryId = number.toString(16).padStart(32, "0") as RepositoryId;
      deleted.push({ ...deleted[0]!, repositoryId });
    }
    const path = "POST /deleted-repos/alice/one/restore";
    const refused = await alice(path, {});
    assert.deepEqual([refused.status, refused.body.error.data.countMax], [400, 10_000]);
    assert.equal((await bob(path, {})).status, 404, "a stranger gets to know of nothing");
    assert.equal((await alice(path, { id: "a".padStart(32, "0") })).status, 200);
  }));

Deno.test("repositoryLifeHandlers() hide in time, too, whether something was deleted", async () => {
  const sleeps: number[] = [];
  const clock: Clock = {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs(),
    sleep(ms, signal) {
      sleeps.push(ms);
      return systemClock.sleep(ms, signal);
    },
  };
  await AccountStage.run(async (stage) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    await alice("POST /repos", { name: "alice/one" });
    await alice("DELETE /repos/alice/one");
    for (const name of ["alice/one", "alice/two"]) {
      for (const body of [{}, { id: "0".repeat(32) }]) {
        sleeps.length = 0;
        assert.equal((await bob(`POST /deleted-repos/${name}/restore`, body)).status, 404);
        const held = sleeps.filter((ms) => ms > 0 && ms <= HIDDEN_ANSWER_GRAIN_MS);
        assert.equal(held.length, 1, name);
      }
    }
  }, clock);
});
