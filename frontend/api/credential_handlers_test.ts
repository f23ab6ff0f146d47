import assert from "node:assert/strict";
import { AccountStage, publicKeyLine } from "./testing/account_stage.ts";

const FUTURE = "2999-01-01T00:00:00Z";

Deno.test("credentialHandlers() make tokens that work until they are taken away", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const made = await alice("POST /users/alice/tokens", {
      label: "laptop",
      scopes: ["account", "account"],
      expiresAt: FUTURE,
    });
    assert.equal(made.status, 201);
    const { token, ...shown } = made.body;
    assert.match(token, /^gst_/);
    assert.deepEqual(shown.scopes, ["account"]);
    assert.equal(shown.expiresAt, "2999-01-01T00:00:00.000Z");
    const listed = await alice("GET /users/alice/tokens");
    assert.deepEqual(listed.body.tokens.find((one: { id: string }) => one.id === shown.id), shown);
    assert.ok(!JSON.stringify(listed.body).includes(token));
    const withIt = stage.as(token);
    assert.equal((await withIt("GET /caller")).body.credential, shown.id);
    assert.equal((await alice(`DELETE /users/alice/tokens/${shown.id}`)).status, 204);
    assert.equal((await withIt("GET /caller")).status, 401);
    assert.equal((await alice(`DELETE /users/alice/tokens/${shown.id}`)).status, 404);
    assert.equal((await alice("DELETE /users/alice/tokens/nonsense")).status, 400);
  }));

Deno.test("credentialHandlers() make no token for more than the one that asks", () =>
  AccountStage.run(async (stage, admin) => {
    const alice = await stage.user("alice");
    const token = async (body: unknown) => await alice("POST /users/alice/tokens", body);
    const small = stage.as(
      (await token({ scopes: ["account", "repository:write"], expiresAt: FUTURE })).body.token,
    );
    const ask = (scopes: readonly string[], more = {}) =>
      small("POST /users/alice/tokens", { scopes, ...more });
    assert.equal((await ask(["repository:admin"])).status, 403);
    assert.equal((await ask(["account", "server"])).status, 403);
    const made = await ask(["repository:read"], { expiresAt: "3999-01-01T00:00:00Z" });
    assert.equal(made.body.expiresAt, "2999-01-01T00:00:00.000Z", "ends with the one that asks");
    const key = publicKeyLine(1);
    assert.equal((await small("POST /users/alice/keys", { key })).status, 403);
    assert.equal((await admin("POST /users/alice/tokens", { scopes: ["server"] })).status, 201);
  }));

Deno.test("credentialHandlers() make tokens for repositories that the asker may read", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const bob = await stage.user("bob");
    const { body: { id } } = await alice("POST /repos", { name: "alice/one" });
    const body = { scopes: ["repository:read"], repositories: ["alice/one"] };
    const made = await alice("POST /users/alice/tokens", body);
    assert.deepEqual(made.body.repositories, [id]);
    const refused = await bob("POST /users/bob/tokens", body);
    assert.equal(refused.status, 404);
    assert.equal(refused.body.error.message, "Find no such repository");
  }));

Deno.test("credentialHandlers() refuse times that leave nothing", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const ask = (more: unknown) =>
      alice("POST /users/alice/tokens", { scopes: ["account"], ...more as object });
    assert.equal((await ask({ expiresAt: "2001-01-01T00:00:00Z" })).status, 400);
    assert.equal((await ask({ expiresAt: FUTURE, notBefore: FUTURE })).status, 400);
    assert.equal((await ask({ expiresAt: "tomorrow" })).body.error.data.field, "expiresAt");
    assert.equal((await ask({ scopes: [] })).body.error.data.field, "scopes");
  }));

Deno.test("credentialHandlers() add, list and take away keys", () =>
  AccountStage.run(async (stage, admin) => {
    const alice = await stage.user("alice");
    const made = await alice("POST /users/alice/keys", { key: publicKeyLine(1, "work laptop") });
    assert.equal(made.status, 201);
    assert.equal(made.body.label, "work laptop");
    assert.match(made.body.fingerprint, /^SHA256:/);
    assert.deepEqual((await alice("GET /users/alice/keys")).body, { keys: [made.body] });
    const taken = await admin("POST /users/root/keys", { key: publicKeyLine(1) });
    assert.equal(taken.status, 409);
    assert.equal((await alice("POST /users/alice/keys", { key: "ssh-rsa AAAA" })).status, 400);
    assert.equal((await alice(`DELETE /users/alice/keys/${made.body.id}`)).status, 204);
    assert.deepEqual((await alice("GET /users/alice/keys")).body, { keys: [] });
  }));
