import assert from "node:assert/strict";
import { AccountStage, publicKeyLine } from "./testing/account_stage.ts";

Deno.test("deployHandlers() add, list and take away deploy keys", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    for (const name of ["alice/one", "alice/two"]) await alice("POST /repos", { name });
    const key = publicKeyLine(7, "robot");
    const made = await alice("POST /repos/alice/one/keys", { key, role: "write" });
    assert.equal(made.status, 201);
    assert.equal(made.body.role, "write");
    assert.deepEqual((await alice("GET /repos/alice/one/keys")).body, { keys: [made.body] });
    assert.deepEqual((await alice("GET /repos/alice/two/keys")).body, { keys: [] });
    assert.equal((await alice(`DELETE /repos/alice/two/keys/${made.body.id}`)).status, 404);
    assert.equal((await alice(`DELETE /repos/alice/one/keys/${made.body.id}`)).status, 204);
    assert.equal((await alice("POST /repos/alice/one/keys", { key, role: "admin" })).status, 400);
  }));

Deno.test("deployHandlers() keep issuers for administrators and trusts for owners", () =>
  AccountStage.run(async (stage, admin) => {
    const alice = await stage.user("alice");
    await alice("POST /repos", { name: "alice/one" });
    const url = "https://issuer.example";
    assert.equal((await alice("POST /issuers", { url, audience: "us" })).status, 403);
    assert.equal((await admin("POST /issuers", { url: "file:///x", audience: "us" })).status, 400);
    const { body: issuer } = await admin("POST /issuers", { url, audience: "us" });
    assert.deepEqual((await admin("GET /issuers")).body, { issuers: [issuer] });
    const claims = [{ claim: "repository", pattern: "acme/*" }];
    const trust = await alice("POST /repos/alice/one/trusts", { issuer: issuer.id, claims });
    assert.equal(trust.status, 201);
    assert.deepEqual(trust.body.claims, claims);
    const none = await alice("POST /repos/alice/one/trusts", { issuer: issuer.id, claims: [] });
    assert.equal(none.status, 400);
    assert.deepEqual((await alice("GET /repos/alice/one/trusts")).body, { trusts: [trust.body] });
    const path = `DELETE /repos/alice/one/trusts/${trust.body.id}`;
    assert.equal((await alice(path)).status, 204);
    assert.equal((await admin(`DELETE /issuers/${issuer.id}`)).status, 204);
  }));
