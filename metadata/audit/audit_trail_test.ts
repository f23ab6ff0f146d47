import { deepEqual, equal, ok } from "node:assert/strict";
import { systemRandom } from "@gitstratum/core";
import {
  AuditClient,
  type AuditEvent,
  type AuditQuery,
  type AuditTrail,
  METADATA_AUDIT_PATH,
  newPushId,
  type Provenance,
  type RepositoryKey,
} from "@gitstratum/core/rpc";
import { TestCluster } from "../testing/test_cluster.ts";
import { command, TestNode } from "../testing/test_node.ts";

const MAIN = "refs/heads/main";

function by(user: string): Provenance {
  return {
    user,
    credential: { kind: "token", id: `token of ${user}` },
    remoteAddress: "192.0.2.7",
    transport: "api",
    atMs: 5,
  };
}

function trailOf(node: TestNode): AuditTrail {
  return new AuditClient((request) => node.node.service.fetch(request), {
    path: METADATA_AUDIT_PATH,
  });
}

/** All entries by pages of some size, newest first. */
async function all(
  trail: AuditTrail,
  query: Partial<AuditQuery> = {},
  limit = 100,
): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  for (;;) {
    const before = found.at(-1)?.id;
    const page = await trail.query({ ...query, limit, ...(before ? { before } : {}) });
    found.push(...page);
    if (page.length < limit) return found;
  }
}

/** Pushes new commits to some branches. */
async function pushBranches(
  node: TestNode,
  key: RepositoryKey,
  names: readonly string[],
  options: { readonly user: string; readonly certificate?: string },
) {
  const oids = names.map((name) => node.objects.commitOf(name));
  const group = await node.store(key, oids);
  const commands = names.map((name, index) => command(name, undefined, oids[index]));
  const pushId = newPushId(systemRandom);
  const { user, ...certificate } = options;
  await node.push(key, commands, {
    group,
    pushId,
    provenance: { ...by(user), ...certificate },
  });
  return { oids, pushId };
}

Deno.test("AuditTrail tells each act on a repository: who, by what, before and after", async () => {
  await using node = await TestNode.start();
  const { metadata } = node;
  const info = await metadata.createRepository({
    name: "acme/tool" as never,
    objectFormat: "sha1",
    defaultBranch: "main",
    provenance: by("alice"),
  });
  await node.clock.advance(1000);
  const { oids, pushId } = await pushBranches(node, info, [MAIN, "refs/heads/b"], {
    user: "bob",
    certificate: "certificate version 0.1\n",
  });
  await node.clock.advance(1000);
  const change = { denyDeletes: true };
  const settings = { settings: change, head: "refs/heads/b", provenance: by("carol") };
  await metadata.updateRepository(info, settings);
  await node.push(info, [command("refs/heads/gone", undefined, undefined)], {
    provenance: by("dave"),
  });
  await metadata.deleteRepository(info, { provenance: by("alice") });

  const events = await all(trailOf(node));
  deepEqual(events.map(({ kind, provenance, details }) => [kind, provenance?.user, details]), [
    ["repository-deleted", "alice", {}],
    ["settings-changed", "carol", { settings: { denyDeletes: { before: false, after: true } } }],
    ["head-changed", "carol", { head: "refs/heads/b", before: MAIN }],
    ["reference-updated", "bob", {
      reference: "refs/heads/b",
      old: null,
      new: oids[1],
      pushId,
      signed: true,
    }],
    ["reference-updated", "bob", {
      reference: MAIN,
      old: null,
      new: oids[0],
      pushId,
      signed: true,
    }],
    ["repository-created", "alice", { objectFormat: "sha1", head: MAIN }],
  ]);
  for (const { repository, owner, provenance } of events) {
    deepEqual(repository, { id: info.repositoryId, name: "acme/tool" });
    equal(owner, "acme");
    deepEqual(provenance, by(provenance!.user!));
  }
  equal(events[3]!.atMs - events[5]!.atMs, 1000);
});

Deno.test("AuditTrail finds by repository, owner, user and time, in pages of any size", async () => {
  await using node = await TestNode.start();
  const startMs = node.clock.nowMs();
  const infos = [];
  for (const name of ["acme/a", "acme/b", "other/c"]) {
    const info = await node.create(name);
    infos.push(info);
    await node.clock.advance(10);
    const names = [MAIN, "refs/heads/x", "refs/heads/y"];
    await pushBranches(node, info, names, { user: name === "acme/b" ? "bob" : "alice" });
    await node.clock.advance(10);
  }
  const trail = trailOf(node);
  const whole = await all(trail);
  equal(whole.length, 12);
  for (let limit = 1; limit <= 13; limit++) deepEqual(await all(trail, {}, limit), whole);
  deepEqual(whole.map(({ id }) => id), whole.map(({ id }) => id).sort().reverse());

  const filter = async (query: Partial<AuditQuery>, wanted: (event: AuditEvent) => boolean) => {
    const events = whole.filter(wanted);
    ok(events.length > 0 && events.length < whole.length);
    for (const limit of [1, 2, 5, 100]) deepEqual(await all(trail, query, limit), events);
  };
  const { repositoryId } = infos[0]!;
  await filter({ repositoryId }, ({ repository }) => repository?.id === repositoryId);
  await filter({ owner: "acme" }, ({ owner }) => owner === "acme");
  await filter({ user: "bob" }, ({ provenance }) => provenance?.user === "bob");
  await filter({ sinceMs: startMs + 20 }, ({ atMs }) => atMs >= startMs + 20);
  await filter({ untilMs: startMs + 20 }, ({ atMs }) => atMs < startMs + 20);
  await filter(
    { owner: "acme", user: "alice", sinceMs: startMs + 10 },
    ({ owner, provenance, atMs }) =>
      owner === "acme" && provenance?.user === "alice" && atMs >= startMs + 10,
  );
  deepEqual(await all(trail, { user: "nobody" }), []);
});

Deno.test("AuditTrail is what the log says: a node that lost its tables has it again", async () => {
  await using node = await TestNode.start({ keepEntryCount: 4 });
  const info = await node.create();
  const names = Array.from({ length: 20 }, (_, index) => `refs/heads/b${index}`);
  for (const name of names) await pushBranches(node, info, [name], { user: "alice" });
  // Two snapshots, so that the log is truncated and most of the trail is in a snapshot only.
  await node.node.upkeep();
  for (const name of names) await pushBranches(node, info, [`${name}-later`], { user: "bob" });
  await node.node.upkeep();
  const before = await all(trailOf(node));
  equal(before.length, 41);
  await node.restart({ lose: true, keepEntryCount: 4 });
  deepEqual(await all(trailOf(node)), before);
});

Deno.test("AuditTrail forgets the old and what is too much, whole acts at a time", async () => {
  await using node = await TestNode.start({ audit: { keepMs: 1000, rowCountMax: 8 } });
  const info = await node.create();
  await pushBranches(node, info, [MAIN, "refs/heads/old"], { user: "alice" });
  await node.clock.advance(1001);
  await pushBranches(node, info, ["refs/heads/young"], { user: "alice" });
  await node.node.upkeep();
  deepEqual((await all(trailOf(node))).map(({ details }) => details.reference), [
    "refs/heads/young",
  ]);
  // Acts of three rows, two more than there is room for.
  for (const number of [1, 2, 3]) {
    const names = [`refs/heads/n${number}`, `refs/heads/m${number}`];
    await pushBranches(node, info, names, { user: "alice" });
  }
  await node.node.upkeep();
  deepEqual((await all(trailOf(node))).map(({ details }) => details.reference), [
    ...["refs/heads/m3", "refs/heads/n3", "refs/heads/m2", "refs/heads/n2"],
  ]);
});

Deno.test("AuditTrail tells nothing of a name that was given up", async () => {
  await using node = await TestNode.start();
  const info = await node.create();
  await node.metadata.deleteRepository(info);
  equal((await all(trailOf(node))).length, 2);
  // What no provenance was given for has none.
  ok((await all(trailOf(node))).every(({ provenance }) => provenance === undefined));
});

Deno.test("RoutedAuditTrail merges what all primaries keep, also after a node died", async () => {
  await using cluster = await TestCluster.start();
  const infos = [];
  for (let number = 0; number < 9; number++) infos.push(await cluster.create(`acme/n${number}`));
  for (const info of infos) await cluster.during((await cluster.pushNew(info, MAIN)).result);
  const trail: AuditTrail = { query: (query) => cluster.during(cluster.audit.query(query)) };
  const whole = await all(trail, { owner: "acme" });
  equal(whole.length, 18);
  deepEqual(await all(trail, { owner: "acme" }, 4), whole);
  cluster.kill("a");
  cluster.replace("a");
  deepEqual(await all(trail, { owner: "acme" }, 4), whole);
});
