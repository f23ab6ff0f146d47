import assert from "node:assert/strict";
import { AccountStage } from "./testing/account_stage.ts";

const HOOK = { url: "https://hook.example/x", events: ["push"] };

Deno.test("webhookHandlers() make, change and remove webhooks of repositories", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    await alice("POST /repos", { name: "alice/one" });
    const path = "/repos/alice/one/webhooks";
    const made = await alice(`POST ${path}`, HOOK);
    assert.equal(made.status, 201);
    const { secret, ...shown } = made.body;
    assert.match(secret, /^[0-9a-f]{64}$/);
    assert.deepEqual((await alice(`GET ${path}`)).body, { webhooks: [shown] });
    const own = await alice(`POST ${path}`, { ...HOOK, secret: "a secret of my own" });
    assert.equal(own.body.secret, "a secret of my own");
    const changed = await alice(`PATCH ${path}/${shown.id}`, { active: false });
    assert.deepEqual(changed.body, { ...shown, active: false });
    assert.equal((await alice(`DELETE ${path}/${shown.id}`)).status, 204);
    assert.equal((await alice(`GET ${path}?limit=1`)).body.webhooks.length, 1);
    for (const change of [{ url: "ftp://x" }, { url: "https://u:p@x" }, { events: [] }]) {
      assert.equal((await alice(`POST ${path}`, { ...HOOK, ...change })).status, 400);
    }
    assert.equal((await alice(`POST ${path}`, { ...HOOK, secret: "short" })).status, 400);
  }));

Deno.test("webhookHandlers() reach the webhooks of a target over no other", () =>
  AccountStage.run(async (stage) => {
    const [alice, bob] = [await stage.user("alice"), await stage.user("bob")];
    await alice("POST /repos", { name: "alice/one" });
    await bob("POST /repos", { name: "bob/one" });
    const { body: { id } } = await alice("POST /repos/alice/one/webhooks", HOOK);
    const { body: { id: own } } = await bob("POST /repos/bob/one/webhooks", HOOK);
    const delivery = stage.deliveries.add(id, 7);
    for (const base of ["/repos/bob/one", "/owners/bob"]) {
      const requests: readonly [string, unknown?][] = [
        [`PATCH ${base}/webhooks/${id}`, { active: false }],
        [`DELETE ${base}/webhooks/${id}`],
        [`GET ${base}/webhooks/${id}/deliveries`],
        [`POST ${base}/webhooks/${id}/deliveries/${delivery}/replay`],
      ];
      for (const [request, body] of requests) {
        assert.equal((await bob(request, body)).status, 404, request);
      }
    }
    const foreign = `POST /repos/bob/one/webhooks/${own}/deliveries/${delivery}/replay`;
    assert.equal((await bob(foreign)).status, 404);
    assert.equal((await bob("GET /repos/alice/one/webhooks")).status, 404);
    assert.equal((await alice("GET /repos/alice/one/webhooks")).body.webhooks[0].active, true);
  }));

Deno.test("webhookHandlers() show deliveries and have them made again", () =>
  AccountStage.run(async (stage) => {
    const alice = await stage.user("alice");
    const { body: { id } } = await alice("POST /owners/alice/webhooks", HOOK);
    for (const number of [1, 2, 3]) stage.deliveries.add(id, number);
    const path = `/owners/alice/webhooks/${id}/deliveries`;
    const { body: first } = await alice(`GET ${path}?limit=2`);
    const { body: second } = await alice(`GET ${path}?limit=2&after=${first.next}`);
    const found = [...first.deliveries, ...second.deliveries];
    assert.deepEqual(found.map((one) => one.eventAt.slice(-5)), [".003Z", ".002Z", ".001Z"]);
    const replayed = await alice(`POST ${path}/${found[0].id}/replay`);
    assert.equal(replayed.status, 202);
    assert.equal(replayed.body.state, "waiting");
    // By way of another webhook of hers it is not there, and stays as it is.
    const { body: other } = await alice("POST /owners/alice/webhooks", HOOK);
    const foreign = `/owners/alice/webhooks/${other.id}/deliveries/${found[1].id}/replay`;
    assert.equal((await alice(`POST ${foreign}`)).status, 404);
    assert.equal((await alice(`GET ${path}?state=dead`)).body.deliveries.length, 2);
    assert.equal((await alice(`GET ${path}?state=lost`)).status, 400);
  }));
