import assert from "node:assert/strict";
import { AccountStage } from "./testing/account_stage.ts";
import { ApiHarness } from "./testing/api_harness.ts";

Deno.test("userHandlers() add, show, change and remove users", () =>
  AccountStage.run(async (_, admin) => {
    const made = await admin("POST /users", { name: "alice" });
    assert.equal(made.status, 201);
    assert.equal(made.headers.get("location"), "/api/v1/users/alice");
    assert.deepEqual({ ...made.body, id: "", createdAt: "" }, {
      id: "",
      name: "alice",
      administrator: false,
      disabled: false,
      createdAt: "",
    });
    assert.equal((await admin("POST /users", { name: "ALICE" })).status, 409);
    assert.deepEqual((await admin("GET /users/alice")).body, made.body);
    const changed = await admin("PATCH /users/alice", { disabled: true });
    assert.equal(changed.body.disabled, true);
    assert.equal((await admin("DELETE /users/alice")).status, 204);
    assert.equal((await admin("GET /users/alice")).status, 404);
    const last = await admin("PATCH /users/root", { administrator: false });
    assert.equal(last.status, 403, "an administrator stays");
  }));

Deno.test("userHandlers() list users page by page", () =>
  AccountStage.run(async (stage, admin) => {
    for (const name of ["b", "a", "c"]) await stage.user(name);
    const names: string[] = [];
    for (let next: string | undefined = ""; next !== undefined;) {
      const { body } = await admin(`GET /users?limit=2${next === "" ? "" : `&after=${next}`}`);
      names.push(...body.users.map((user: { name: string }) => user.name));
      next = body.next;
    }
    assert.deepEqual(names, ["a", "b", "c", "root"]);
  }));

Deno.test("userHandlers() show users to themselves and to administrators only", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    await stage.user("bob");
    assert.equal((await alice("GET /users/alice")).status, 200);
    const other = await alice("GET /users/bob");
    const missing = await alice("GET /users/nobody");
    assert.equal(other.status, 404);
    const { error: { data: _, ...told } } = other.body;
    const { error: { data: __, ...toldOfNobody } } = missing.body;
    assert.deepEqual(told, toldOfNobody);
    assert.equal((await alice("GET /users")).status, 403);
    assert.equal((await alice("PATCH /users/alice", { administrator: true })).status, 403);
    const anonymous = await stage.as(undefined)("GET /users/alice");
    assert.equal(anonymous.status, 401);
    assert.match(anonymous.headers.get("www-authenticate")!, /^Basic realm=/);
    assert.equal((await stage.as("gst_nonsense")("GET /caller")).status, 401);
  }));

Deno.test("userHandlers() tell callers who they are", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const { body } = await alice("GET /caller");
    assert.deepEqual({ ...body, credential: "" }, {
      kind: "user",
      name: "alice",
      administrator: false,
      credential: "",
      scopes: ["account", "repository:admin"],
    });
    assert.deepEqual((await stage.as(undefined)("GET /caller")).body, { kind: "anonymous" });
    assert.deepEqual((await new ApiHarness().ask("GET /caller")).body, { kind: "unguarded" });
  }));

Deno.test("userHandlers() say so on a server without accounts", async () => {
  const { status, body } = await new ApiHarness().ask("GET /users");
  assert.equal(status, 404);
  assert.equal(body.error.message, "Find no accounts on this server");
});
