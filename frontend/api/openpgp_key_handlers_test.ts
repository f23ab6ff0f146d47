import assert from "node:assert/strict";
import { OPENPGP_KEY_LENGTH_MAX } from "@gitstratum/core";
import { OPENPGP_FINGERPRINT, OPENPGP_PUBLIC_KEY } from "@gitstratum/core/access/gnupg";
import { AccountStage } from "./testing/account_stage.ts";

Deno.test("openPgpKeyHandlers() add, list and take away keys", () =>
  AccountStage.run(async (stage, admin) => {
    const alice = await stage.user("alice");
    const body = { key: OPENPGP_PUBLIC_KEY, expiresAt: "2999-01-01T00:00:00Z" };
    const made = await alice("POST /users/alice/openpgp-keys", body);
    assert.equal(made.status, 201);
    const { id, createdAt, ...shown } = made.body;
    assert.ok(Date.parse(createdAt) > 0);
    assert.deepEqual(shown, {
      label: "Alice <alice@example.org>",
      type: "ed25519",
      fingerprint: OPENPGP_FINGERPRINT,
      keyIds: [OPENPGP_FINGERPRINT.slice(-16)],
      expiresAt: "2999-01-01T00:00:00.000Z",
    });
    assert.deepEqual((await alice("GET /users/alice/openpgp-keys")).body, { keys: [made.body] });
    assert.deepEqual((await alice("GET /users/alice/keys")).body, { keys: [] });
    const ofAdmin = (call: string) => call.replace("USER", "root");
    const add = ofAdmin("POST /users/USER/openpgp-keys");
    assert.equal((await admin(add, { key: OPENPGP_PUBLIC_KEY })).status, 409);
    assert.equal((await admin(ofAdmin(`DELETE /users/USER/openpgp-keys/${id}`))).status, 404);
    assert.equal((await alice(`DELETE /users/alice/openpgp-keys/${id}`)).status, 204);
    assert.deepEqual((await alice("GET /users/alice/openpgp-keys")).body, { keys: [] });
  }));

Deno.test("openPgpKeyHandlers() tell why a key is refused", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const add = async (key: string) => {
      const { status, body } = await alice("POST /users/alice/openpgp-keys", { key });
      assert.equal(status, 400);
      return JSON.stringify(body);
    };
    assert.match(await add("ssh-ed25519 AAAA"), /not an armoured OpenPGP public key/);
    const secret = OPENPGP_PUBLIC_KEY.replaceAll("PUBLIC", "PRIVATE");
    assert.match(await add(secret), /private key/);
    assert.ok(!(await add(secret)).includes(secret.slice(60, 90)), "it is not repeated");
    assert.match(await add("x".repeat(OPENPGP_KEY_LENGTH_MAX + 1)), /key/);
  }));

Deno.test("openPgpKeyHandlers() add none by a token for less than all of git", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const made = await alice("POST /users/alice/tokens", {
      scopes: ["account", "repository:write"],
    });
    const small = stage.as(made.body.token);
    const body = { key: OPENPGP_PUBLIC_KEY };
    assert.equal((await small("POST /users/alice/openpgp-keys", body)).status, 403);
    assert.deepEqual((await small("GET /users/alice/openpgp-keys")).body, { keys: [] });
  }));
