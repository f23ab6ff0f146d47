import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import {
  hasCode,
  systemRandom,
  WEBHOOK_ATTEMPT_MS_MAX,
  WEBHOOK_CHANGE_COUNT_MAX,
  WEBHOOK_HOST_CONCURRENCY_MAX,
} from "@gitstratum/core";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import type { Oid } from "@gitstratum/core/git";
import {
  DeliveriesClient,
  type DeliveryQuery,
  isWebhookSignature,
  newWebhookId,
  type RepositoryInfo,
  type SecretWebhook,
  WEBHOOK_HEAD_KEY,
  type WebhookDelivery,
  type WebhookDeliveryId,
  webhookKey,
  WebhookRegistry,
} from "@gitstratum/core/rpc";
import { ManualClock } from "@gitstratum/core";
import { command, TestNode } from "../testing/test_node.ts";
import type { RetryPolicy } from "./delivery_outcome.ts";
import { type Behaviour, RecordingEgress } from "./testing/recording_egress.ts";

const MAIN = "refs/heads/main";
const OTHER = "refs/heads/other";
const SECRET = "a secret of some length";
const POLICY: RetryPolicy = { pauseMs: 1000, pauseMsMax: 8000, attemptCountMax: 4 };

/** A node, its webhooks and their receivers. */
class World implements AsyncDisposable {
  readonly egress = new RecordingEgress();
  readonly #clock = new ManualClock(1_767_225_600_000);
  readonly consensus = new MemoryConsensus({ clock: this.#clock, random: systemRandom });
  node!: TestNode;
  #count = 0;

  static async start(): Promise<World> {
    const world = new World();
    world.node = await TestNode.start(world.options);
    return world;
  }

  get options() {
    return { webhooks: { consensus: this.consensus, egress: this.egress, policy: POLICY } };
  }

  get deliveries(): DeliveriesClient {
    return new DeliveriesClient((request) => this.node.node.service.fetch(request));
  }

  /** Makes a webhook, as the control plane does. */
  async hook(host: string, options: Partial<SecretWebhook> = {}): Promise<SecretWebhook> {
    const webhook: SecretWebhook = {
      id: newWebhookId(systemRandom),
      target: { kind: "owner", owner: "acme" },
      url: `http://${host}/hook`,
      secret: SECRET,
      events: ["push"],
      active: true,
      createdAtMs: this.node.clock.nowMs(),
      ...options,
    };
    await this.store(webhook);
    return webhook;
  }

  async store(webhook: SecretWebhook): Promise<void> {
    const value = new TextEncoder().encode(JSON.stringify(webhook));
    await this.#transact({ kind: "put", key: webhookKey(webhook.id), value });
  }

  async remove(webhook: SecretWebhook): Promise<void> {
    await this.#transact({ kind: "delete", key: webhookKey(webhook.id) });
  }

  async #transact(change: Parameters<MemoryConsensus["transact"]>[0]["then"][number]) {
    const head = { kind: "put", key: WEBHOOK_HEAD_KEY, value: new Uint8Array([1]) } as const;
    await this.consensus.transact({ compares: [], then: [head, change] });
  }

  /** Pushes a commit to a new branch. */
  async push(info: RepositoryInfo, name = `refs/heads/b${this.#count++}`): Promise<Oid> {
    const oid = this.node.objects.commitOf(`${name} ${info.name}`);
    const group = await this.node.store(info, [oid]);
    const result = await this.node.push(info, [command(name, undefined, oid)], {
      group,
      provenance: { user: "alice", transport: "ssh", atMs: 1 },
    });
    deepEqual(result.results.map(({ rejected }) => rejected), [undefined]);
    return oid;
  }

  /** Lets time pass until something is so. */
  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let step = 0; step < 3000; step++) {
      if (await isSo()) return;
      await this.node.clock.advance(100);
    }
    throw new Error("It never came to be so");
  }

  list(webhook: SecretWebhook, query: Partial<DeliveryQuery> = {}) {
    return this.deliveries.list({ webhookId: webhook.id, limit: 100, ...query });
  }

  async states(webhook: SecretWebhook): Promise<string[]> {
    return (await this.list(webhook)).map(({ state }) => state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.consensus.close();
  }
}

Deno.test("a webhook is told of each event that it wants, signed, once", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  const early = await node.create("acme/early");
  await world.push(early);
  await node.clock.advance(60_000);
  const all = await world.hook("all.test", { events: ["push", "create", "delete", "repository"] });
  const pushes = await world.hook("pushes.test");
  await world.hook("off.test", { active: false });
  await world.hook("other.test", { target: { kind: "owner", owner: "other" } });
  const info = await node.create("acme/tool");
  const { repositoryId } = info;
  const one = await world.hook("one.test", { target: { kind: "repository", repositoryId } });
  const oid = await world.push(info, OTHER);
  await node.push(info, [command(OTHER, oid, undefined), command("refs/heads/x", undefined, oid)]);
  await node.metadata.updateRepository(early, { settings: { denyDeletes: true } });
  await world.push(early);
  await world.until(async () =>
    (await world.states(all)).length === 9 && (await world.states(pushes)).length === 3
  );

  const told = (host: string) =>
    egress.at(host).map(({ value }) => [
      value.event,
      value.repository.name,
      value.action ?? value.changes!.map(({ reference }) => reference),
    ]).sort();
  const created = (await world.list(all)).length;
  equal(created, egress.at("all.test").length);
  deepEqual(told("one.test"), [
    ["push", "acme/tool", [OTHER]],
    ["push", "acme/tool", [OTHER, "refs/heads/x"]],
  ]);
  deepEqual(told("pushes.test"), [
    ["push", "acme/early", ["refs/heads/b1"]],
    ...told("one.test"),
  ]);
  deepEqual(
    told("all.test"),
    [
      ["create", "acme/early", ["refs/heads/b1"]],
      ["create", "acme/tool", [OTHER]],
      ["create", "acme/tool", ["refs/heads/x"]],
      ["delete", "acme/tool", [OTHER]],
      ...told("pushes.test"),
      ["repository", "acme/early", "settings-changed"],
      ["repository", "acme/tool", "repository-created"],
    ].sort(),
  );
  equal(egress.at("off.test").length + egress.at("other.test").length, 0);
  equal(new Set(egress.received.map(({ id }) => id)).size, egress.received.length);
  for (const { signature, body } of egress.received) {
    ok(isWebhookSignature(signature, { secret: SECRET, body }));
    ok(!isWebhookSignature(signature, { secret: `${SECRET}!`, body }));
  }
  const [first] = egress.at("one.test");
  deepEqual(first!.value.actor, { user: "alice", transport: "ssh" });
  deepEqual(await world.states(one), ["delivered", "delivered"]);
});

Deno.test("a delivery that fails is tried again with growing pauses, then given up and listed", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  egress.behaviours.set("flaky.test", ({ attempt }) => attempt === "3" ? 204 : 500);
  egress.behaviours.set("broken.test", () => "breaks");
  egress.behaviours.set("closed.test", () => "denied");
  egress.behaviours.set("moved.test", () => 302);
  const hooks: SecretWebhook[] = [];
  for (const host of ["flaky.test", "broken.test", "closed.test", "moved.test"]) {
    hooks.push(await world.hook(host));
  }
  const info = await node.create("acme/tool");
  await world.push(info);
  await world.until(async () =>
    (await Promise.all(hooks.map((hook) => world.states(hook)))).flat()
      .filter((state) => state !== "waiting").length === 4
  );
  const last = async (index: number) => (await world.list(hooks[index]!))[0]!;
  const facts = ({ state, attempts, status }: WebhookDelivery) => [state, attempts, status];
  deepEqual(facts(await last(0)), ["delivered", 3, 204]);
  deepEqual(facts(await last(1)), ["dead", 4, undefined]);
  deepEqual(facts(await last(2)), ["dead", 1, undefined]);
  deepEqual(facts(await last(3)), ["dead", 4, 302]);
  equal((await last(1)).reason, "Get no answer to a request");
  equal((await last(2)).reason, "Refuse a request to an address that is not public");
  // Each attempt says which it is, under one id and with the same body.
  const attempts = egress.at("broken.test");
  deepEqual(attempts.map(({ attempt }) => attempt), ["1", "2", "3", "4"]);
  equal(new Set(attempts.map(({ id }) => id)).size, 1);
  deepEqual(attempts[0]!.body, attempts[3]!.body);
  deepEqual((await world.list(hooks[1]!, { state: "dead" })).length, 1);
  deepEqual((await world.list(hooks[1]!, { state: "delivered" })).length, 0);
});

Deno.test("a receiver that hangs delays neither pushes nor other receivers", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  egress.behaviours.set("slow.test", () => "hangs");
  const slow = await world.hook("slow.test");
  const quick = await world.hook("quick.test");
  const infos = [await node.create("acme/a"), await node.create("acme/b")];
  for (let count = 0; count < 40; count++) await world.push(infos[count % 2]!);
  // No time passed for the pushes; now the quick one hears of all before one attempt is over.
  const startMs = node.clock.nowMs();
  await world.until(() => egress.at("quick.test").length === 40);
  ok(node.clock.nowMs() - startMs < WEBHOOK_ATTEMPT_MS_MAX);
  equal(egress.at("slow.test").length, WEBHOOK_HOST_CONCURRENCY_MAX);
  equal(egress.runningMax <= WEBHOOK_HOST_CONCURRENCY_MAX, true);
  await world.until(async () => (await world.states(quick)).length === 40);
  // What hung is tried again like any other failure.
  egress.behaviours.delete("slow.test");
  await world.until(async () =>
    (await world.states(slow)).filter((state) => state === "delivered").length === 40
  );
});

Deno.test("what a node sent and could not tell the log is sent again under the same id", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  const hook = await world.hook("a.test");
  const info = await node.create("acme/tool");
  const lost: string[] = [];
  // The node dies when the receiver has the delivery, before the log hears of it.
  const died = Promise.withResolvers<void>();
  egress.behaviours.set("a.test", ({ id }) => {
    lost.push(id);
    died.resolve();
    return "hangs";
  });
  await world.push(info);
  await world.until(() => lost.length === 1);
  await died.promise;
  egress.behaviours.delete("a.test");
  await node.restart({ lose: true, ...world.options });
  await world.until(async () => (await world.states(hook))[0] === "delivered");
  deepEqual(egress.at("a.test").map(({ id }) => id), [lost[0], lost[0]]);
  // And what was told to the log is not sent again.
  await node.restart({ lose: true, ...world.options });
  await world.push(info);
  await world.until(async () => (await world.states(hook)).length === 2);
  equal(egress.at("a.test").length, 3);
});

Deno.test("replay() makes a delivery again, whatever became of it, under its id", async () => {
  await using world = await World.start();
  const { node, egress, deliveries } = world;
  egress.behaviours.set("a.test", () => 500);
  const hook = await world.hook("a.test");
  const info = await node.create("acme/tool");
  await world.push(info);
  await world.until(async () => (await world.states(hook))[0] === "dead");
  const [dead] = await world.list(hook);
  egress.behaviours.delete("a.test");
  const asked = await deliveries.replay(dead!.id, hook.id);
  deepEqual([asked.state, asked.attempts], ["waiting", 0]);
  await world.until(async () => (await world.states(hook))[0] === "delivered");
  await deliveries.replay(dead!.id, hook.id);
  await world.until(() => egress.at("a.test").length === POLICY.attemptCountMax + 2);
  equal(new Set(egress.at("a.test").map(({ id }) => id)).size, 1);
  const unknown = `00${"f".repeat(30)}` as WebhookDeliveryId;
  const missing = (error: unknown) => hasCode(error, "not-found");
  await rejects(deliveries.replay(unknown, hook.id), missing);
  await rejects(deliveries.replay(dead!.id, newWebhookId(systemRandom)), missing);
});

Deno.test("a webhook that goes away takes what waits for it along", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  egress.behaviours.set("a.test", () => 500);
  const hook = await world.hook("a.test");
  const off = await world.hook("off.test");
  egress.behaviours.set("off.test", () => 500);
  const info = await node.create("acme/tool");
  await world.push(info);
  await world.until(() => egress.received.length === 2);
  await world.remove(hook);
  await world.store({ ...off, active: false });
  await world.until(async () =>
    (await world.states(hook))[0] === "dead" && (await world.states(off))[0] === "dead"
  );
  equal(egress.received.length, 2);
});

Deno.test("a webhook of a repository that is gone for good goes too, after its last deliveries", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  const info = await node.create("acme/tool");
  const { repositoryId } = info;
  const target = { kind: "repository", repositoryId } as const;
  await node.clock.advance(60_000);
  const hook = await world.hook("a.test", { target, events: ["repository"] });
  const other = await world.hook("b.test");
  const stored = async () =>
    (await new WebhookRegistry(world.consensus).current()).webhooks.map(({ id }) => id).sort();
  await node.metadata.deleteRepository(info);
  await world.until(() => egress.at("a.test").length === 1);
  deepEqual(await stored(), [hook.id, other.id].sort());
  const dayMs = 24 * 3600 * 1000;
  // The time in which it can be restored passes first.
  node.clock.jumpWall(60 * dayMs);
  await node.node.upkeep();
  await world.until(() => egress.at("a.test").length === 2);
  equal((await stored()).length, 2, "the last delivery may have to be tried again");
  node.clock.jumpWall(dayMs);
  await node.clock.advance(61_000);
  deepEqual(await stored(), [other.id]);
  deepEqual(egress.at("a.test").map(({ value }) => value.action), [
    "repository-deleted",
    "repository-purged",
  ]);
});

Deno.test("a push of many references is told in bounds, with their number", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  await world.hook("a.test");
  const info = await node.create("acme/tool");
  const oid = await world.push(info, MAIN);
  const count = WEBHOOK_CHANGE_COUNT_MAX + 5;
  const commands = Array.from(
    { length: count },
    (_, index) => command(`refs/heads/n${index}`, undefined, oid),
  );
  await node.push(info, commands);
  await world.until(() => egress.received.length === 2);
  const { value } = egress.received.find((one) => one.value.changeCount === count)!;
  equal(value.changes!.length, WEBHOOK_CHANGE_COUNT_MAX);
});

Deno.test("many events pass through bounded memory, each once, in pages of any size", async () => {
  await using world = await World.start();
  const { node, egress } = world;
  let turn = 0;
  const behaviour: Behaviour = () => turn++ % 3 === 0 ? 503 : 200;
  egress.behaviours.set("a.test", behaviour);
  const hook = await world.hook("a.test");
  const infos = [];
  for (const name of ["acme/a", "acme/b", "acme/c"]) infos.push(await node.create(name));
  for (let count = 0; count < 150; count++) await world.push(infos[count % 3]!);
  const wanted = 150;
  await world.until(async () => {
    const page = await world.list(hook, { state: "delivered" });
    return page.length === 100 && egress.received.length >= wanted;
  });
  await world.until(async () => (await world.list(hook, { state: "waiting" })).length === 0);
  const ids = egress.received.map(({ id }) => id);
  equal(new Set(ids).size, wanted);
  const found: WebhookDelivery[] = [];
  for (;;) {
    const last = found.at(-1);
    const before = last && `${String(last.eventAtMs).padStart(15, "0")}-${last.id}`;
    const page = await world.list(hook, { limit: 13, ...(before ? { before } : {}) });
    found.push(...page);
    if (page.length < 13) break;
  }
  equal(found.length, wanted);
  equal(new Set(found.map(({ id }) => id)).size, wanted);
  notEqual(turn, wanted);
});

Deno.test("webhooks are read a few times a second, however many pushes there are", async () => {
  await using world = await World.start();
  const { consensus, node } = world;
  const info = await node.create("acme/tool");
  await world.hook("all.test");
  await node.clock.advance(60_000);
  let readCount = 0;
  const get = consensus.get.bind(consensus);
  consensus.get = (key) => {
    if (key === WEBHOOK_HEAD_KEY) readCount++;
    return get(key);
  };
  for (let count = 0; count < 40; count++) {
    await world.push(info);
    await node.clock.advance(50);
  }
  // Two seconds, in which a round may have begun before and one may be about to.
  ok(readCount > 0 && readCount <= 2 * 4 + 2, `${readCount}`);
  await world.until(() => world.egress.at("all.test").length === 40);
});
