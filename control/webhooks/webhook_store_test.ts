import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { hasCode, ManualClock, systemRandom, WEBHOOK_TARGET_COUNT_MAX } from "@gitstratum/core";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import {
  type AuditTrail,
  type CreateWebhookRequest,
  newWebhookId,
  type Provenance,
  RELEASE_LEVEL,
  type RepositoryId,
  WebhookClient,
  WebhookRegistry,
  type Webhooks,
} from "@gitstratum/core/rpc";
import { Hono } from "@hono/hono";
import { errorResponse } from "@gitstratum/core/rpc";
import { AccountAudit } from "../audit/account_audit.ts";
import { webhookRoutes } from "./webhook_routes.ts";
import { WebhookStore } from "./webhook_store.ts";

const SECRET = "a secret of some length";
const provenance: Provenance = { user: "alice", transport: "api", atMs: 1 };

function request(options: Partial<CreateWebhookRequest> = {}): CreateWebhookRequest {
  return {
    id: newWebhookId(systemRandom),
    target: { kind: "owner", owner: "acme" },
    url: "https://hooks.example.test/a",
    secret: SECRET,
    events: ["push"],
    active: true,
    provenance,
    ...options,
  };
}

/** A store behind its wire, and what lies below. */
function open() {
  const clock = new ManualClock(1_000_000);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const audit = new AccountAudit({ consensus, clock, random: systemRandom });
  const store = new WebhookStore(consensus, { clock, audit });
  const app = webhookRoutes({ webhooks: store, audit, releaseLevel: () => RELEASE_LEVEL });
  app.onError((error) => errorResponse(error, { onUnexpected: () => {} }));
  const mounted = new Hono().route("/", app);
  const sent: Request[] = [];
  const webhooks: Webhooks = new WebhookClient(async (request) => {
    if (request.method === "POST") sent.push(request.clone());
    return await mounted.fetch(request);
  });
  return {
    /** What was sent, in order. */
    sent,
    /** Lets what was sent arrive again; answers its status. */
    async repeat(request: Request): Promise<number> {
      const response = await mounted.fetch(request.clone());
      await response.body?.cancel();
      return response.status;
    },
    clock,
    consensus,
    audit: audit as AuditTrail,
    webhooks,
    [Symbol.asyncDispose]: () => consensus.close(),
  };
}

Deno.test("Webhooks makes, changes, lists and removes, and never shows a secret", async () => {
  await using world = open();
  const { webhooks } = world;
  const repository = { kind: "repository", repositoryId: "1".repeat(32) as RepositoryId } as const;
  const first = request({ target: repository });
  const made = await webhooks.create(first);
  const { secret: _, provenance: __, ...shown } = first;
  deepEqual(made, { ...shown, createdAtMs: 1_000_000 });
  deepEqual(await webhooks.create(first), made, "a repeated call finds its first outcome");
  const second = await webhooks.create(request());
  const ids = [made.id, second.id].sort();
  const listed = await webhooks.list({ limit: 10 });
  deepEqual(listed.map(({ id }) => id), ids);
  deepEqual(await webhooks.list({ limit: 1, after: ids[0]! }), [listed[1]]);
  deepEqual(await webhooks.list({ limit: 10, target: repository }), [made]);
  ok(!JSON.stringify(listed).includes(SECRET));

  const { id } = made;
  const changed = await webhooks.change({ id, active: false, secret: "another secret, long" });
  deepEqual(changed, { ...made, active: false });
  deepEqual(await webhooks.find({ id }), changed);
  const { webhooks: stored } = await new WebhookRegistry(world.consensus).current();
  equal(stored.find((one) => one.id === id)?.secret, "another secret, long");
  await webhooks.remove({ id });
  for (const call of ["find", "remove", "change"] as const) {
    await rejects(
      webhooks[call]({ id }) as Promise<unknown>,
      (error) => hasCode(error, "not-found"),
    );
  }
});

Deno.test("Webhooks takes no request that arrives again for a new one", async () => {
  await using world = open();
  const { webhooks, sent } = world;
  const { id } = await webhooks.create(request());
  const [create] = sent.splice(0);
  equal(await world.repeat(create!), 200, "a repetition at once finds what was made");
  await webhooks.change({ id, url: "https://old.example.test/" });
  const [change] = sent.splice(0);
  await webhooks.change({ id, url: "https://new.example.test/" });
  equal(await world.repeat(change!), 409, "a later change is not taken back");
  equal((await webhooks.find({ id })).url, "https://new.example.test/");
  await webhooks.remove({ id });
  equal(await world.repeat(create!), 409, "a removal is not taken back");
  equal(await world.repeat(change!), 404);
  deepEqual(await webhooks.list({ limit: 10 }), []);
});

Deno.test("Webhooks leaves a trail of who did what, without paths and secrets", async () => {
  await using world = open();
  const { webhooks } = world;
  const { id } = await webhooks.create(request());
  await world.clock.advance(5);
  await webhooks.change({ id, active: false, provenance });
  await webhooks.change({ id, active: false, provenance });
  await world.clock.advance(5);
  await webhooks.remove({ id, provenance: { ...provenance, user: "bob" } });
  const events = await world.audit.query({ limit: 10 });
  deepEqual(events.map(({ kind, owner, provenance }) => [kind, owner, provenance?.user]), [
    ["webhook-removed", "acme", "bob"],
    ["webhook-changed", "acme", "alice"],
    ["webhook-created", "acme", "alice"],
  ]);
  equal(events[2]!.details.origin, "https://hooks.example.test");
  ok(!JSON.stringify(events).includes(SECRET));
  ok(!JSON.stringify(events).includes("example.test/a"));
});

Deno.test("Webhooks refuses URLs that no request may go to, and more than there is room for", async () => {
  await using world = open();
  const { webhooks } = world;
  for (const url of ["", "ftp://example.test/", "https://user:pass@example.test/", "nonsense"]) {
    await rejects(webhooks.create(request({ url })), (error) => hasCode(error, "invalid"), url);
  }
  await rejects(
    webhooks.create(request({ secret: "short" })),
    (error) => hasCode(error, "invalid"),
  );
  await rejects(webhooks.create(request({ events: [] })), (error) => hasCode(error, "invalid"));
  // Made at the same time, so that they compete for the head.
  const requests = Array.from({ length: WEBHOOK_TARGET_COUNT_MAX + 5 }, () => request());
  const outcomes = await Promise.allSettled(requests.map((one) => webhooks.create(one)));
  equal(
    outcomes.filter(({ status }) => status === "fulfilled").length,
    WEBHOOK_TARGET_COUNT_MAX,
  );
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") ok(hasCode(outcome.reason, "exhausted"));
  }
  await webhooks.create(request({ target: { kind: "owner", owner: "other" } }));
});

Deno.test("WebhookRegistry sees each webhook that was made before it looks, and reads no more", async () => {
  await using world = open();
  let ranges = 0;
  const registry = new WebhookRegistry({
    get: (key) => world.consensus.get(key),
    range: (range, options) => {
      ranges++;
      return world.consensus.range(range, options);
    },
  });
  equal((await registry.current()).webhooks.length, 0);
  equal(ranges, 0);
  for (let count = 1; count <= 3; count++) {
    await world.webhooks.create(request());
    equal((await registry.current()).webhooks.length, count);
    await registry.current();
    equal(ranges, count);
  }
});
