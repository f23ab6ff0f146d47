/**
 * One release back, without its code: nodes of this release in a cluster of the level before say to each
 * other only what the release before understands.
 */

import assert from "node:assert/strict";
import { hasCode, ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import { newRecordId, newUserId } from "@gitstratum/core/access";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import {
  AuditClient,
  CONTROL_AUDIT_PATH,
  type Fetcher,
  JsonClient,
  newPushId,
  newWebhookId,
  NodeAgent,
  type NodeId,
  parseRepositoryName,
  RateLeaseClient,
  type RepositoryId,
  TopologyClient,
  WebhookClient,
} from "@gitstratum/core/rpc";
import { parseRateKey } from "@gitstratum/core/rates";
import { AccessClient } from "@gitstratum/core/rpc/access";
import { openControlNode } from "../../control/control_node.ts";
import { TestCluster } from "../../metadata/testing/test_cluster.ts";
import { command } from "../../metadata/testing/test_node.ts";
import { Overheard } from "./overheard.ts";
import { readReleaseText } from "./release_shapes.ts";
import { PROVENANCE, SETTINGS } from "./shapes/shape.ts";

const file = new URL("testdata/earlier_release.jsonl", import.meta.url);
const earlier = readReleaseText(await Deno.readTextFile(file));
const MAIN = "refs/heads/main";

function assertUnderstood(overheard: Overheard, family: RegExp): void {
  assert.deepEqual(overheard.refused, []);
  const unheard = Object.keys(earlier).filter((name) =>
    family.test(name) && !overheard.heard.has(name)
  );
  assert.deepEqual(unheard, [], "the conversation has to come to these, too");
}

Deno.test("Overheard tells what the release before refuses", async () => {
  const overheard = new Overheard(earlier);
  const answer: Fetcher = () => Promise.resolve(Response.json({ digest: "0".repeat(64), more: 1 }));
  const id = "1".repeat(32);
  const path = `/metadata/v1/networks/${id}/repositories/${id}`;
  await overheard.to(answer)(new Request(`http://node.test${path}/tag-digest`));
  await overheard.to(answer)(new Request("http://node.test/metadata/v2/new"));
  assert.equal(overheard.refused.length, 2);
  assert.match(overheard.refused[0]!, /^tag digest: .*"more"/);
  assert.match(overheard.refused[1]!, /v2\/new: not known/);
});

Deno.test("metadata nodes and their callers say what the release before understands", async () => {
  const overheard = new Overheard(earlier);
  await using cluster = await TestCluster.start({ overhear: overheard.to });
  const { metadata, during } = bound(cluster);
  const provenance = PROVENANCE;
  const created = await during(metadata.createRepository({
    name: parseRepositoryName("acme/one"),
    objectFormat: "sha1",
    defaultBranch: "main",
    settings: SETTINGS as never,
    provenance,
  }));
  const plain = await cluster.create("acme/plain");
  await during(metadata.updateRepository(created, { head: MAIN, settings: SETTINGS as never }));
  const relaxed = { archived: null, protectedReferences: null, fsck: {}, pushBytesMax: null };
  await during(metadata.updateRepository(created, { settings: relaxed, provenance }));
  await during(metadata.findRepository(created.name));
  await during(metadata.listRepositories({ limit: 10 }));

  const oid = cluster.objects.commitOf("text");
  const { networkId } = plain;
  const group = await cluster.objects.store(cluster.extents, { networkId, tips: [oid] });
  const push = {
    pushId: newPushId(systemRandom),
    commands: [command(MAIN, undefined, oid)],
    atomic: true,
    group,
    pushOptions: ["a"],
    provenance,
    pusher: { role: "admin", user: "alice" } as never,
    signatures: { good: [], bad: [oid] },
  };
  const { results } = await during(metadata.push(plain, push));
  assert.deepEqual(results, [{ name: MAIN }]);
  await cluster.references(plain);
  await during(metadata.tagDigest(plain));
  const negotiation = { wants: [oid], haves: [oid], clientShallow: [] };
  await during(metadata.negotiate(plain, negotiation));
  const depth = { kind: "commits", depth: 1, relative: false } as const;
  await during(metadata.deepen(plain, { wants: [oid], clientShallow: [], depth } as never));
  await during(metadata.locate(plain, { oids: [oid], scope: "visible" } as never));
  const shape = { thinPack: true, ofsDelta: true, includeTag: true };
  const filter = { kind: "blob:none" } as const;
  await during(metadata.plan(plain, { ...negotiation, haves: [], ...shape, depth, filter }));

  const fork = await during(metadata.forkRepository(plain, {
    name: parseRepositoryName("acme/fork"),
    settings: { description: "text" },
    provenance,
  }));
  const name = parseRepositoryName("acme/moved");
  await during(metadata.renameRepository(fork, { from: fork.name, name, provenance }));
  await during(metadata.repositoryUsage(fork));
  await during(metadata.deleteRepository(fork, { provenance }));
  const [deleted] = await during(metadata.listDeletedRepositories({ limit: 10 }));
  await during(metadata.restoreRepository(fork, { name, provenance }));
  await during(metadata.deleteRepository(fork, { provenance }));
  // Which deletion is meant can not be said yet: this is an earlier one.
  await during(metadata.purgeRepository(fork, deleted));
  await assert.rejects(
    during(metadata.purgeRepository(fork)),
    (error) => hasCode(error, "not-found"),
  );
  await during(cluster.audit.query({ owner: "acme", limit: 10 }));
  assertUnderstood(
    overheard,
    /^(create|update|delete|fork|rename|restore) repository$|^(repositories|locate|push)/,
  );
});

function bound(cluster: TestCluster) {
  return {
    metadata: cluster.metadata,
    during: <T>(work: Promise<T>) => cluster.during(work),
  };
}

Deno.test("control nodes and their callers say what the release before understands", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const world = { consensus, clock, random: systemRandom, logger: silentLogger };
  const node = await openControlNode({ ...world, isAlone: true });
  const overheard = new Overheard(earlier);
  const fetcher = overheard.to((request) => node.service.fetch(request));
  try {
    const control = new TopologyClient(fetcher);
    const described = { role: "object", address: "http://o.test", zone: "z", weight: 1 } as const;
    const agent = new NodeAgent({
      control,
      node: { id: "object-1" as NodeId, ...described },
      levels: { level: 1, levelLeast: 1 },
      ringVersion: () => 1,
      clock,
      logger: silentLogger,
    });
    await agent.start();
    await clock.advance(2_000);
    await control.topology();
    const since = await control.basis();
    assert.deepEqual(since, {}, "no basis is told before all nodes know them");
    await control.setDraining("object-1" as NodeId, true, since);
    await agent.leave();
    await control.forget("object-1" as NodeId, since);

    const caller = new JsonClient(fetcher);
    const access = new AccessClient({
      route: (call) => call(caller),
      view: node.access.view,
      clock,
      random: systemRandom,
      provenance: PROVENANCE,
    });
    await talkOfAccounts(access);
    await talkOfEvents(fetcher);
  } finally {
    await node.close();
    await consensus.close();
  }
  assertUnderstood(
    overheard,
    /^(register|heartbeat|heard|topology$|create webhook|access (?!record|line)|rates)/,
  );
});

async function talkOfAccounts(access: AccessClient): Promise<void> {
  const { calls } = access;
  const repository = "9".repeat(32) as RepositoryId;
  const key = (number: number) => {
    const bytes = new Uint8Array(51);
    bytes.set([0, 0, 0, 11]);
    bytes.set(new TextEncoder().encode("ssh-ed25519"), 4);
    bytes.set([0, 0, 0, 32], 15);
    bytes[50] = number;
    return { id: newRecordId(systemRandom), key: `ssh-ed25519 ${bytes.toBase64()}`, label: "a" };
  };
  await access.claimFirstAdministrator("admin" as never);
  const alice = await calls.createUser({
    id: newUserId(systemRandom),
    name: "alice",
    administrator: true,
  });
  const user = alice.id;
  await calls.findUser({ name: "alice" });
  await calls.changeUser({ user, disabled: false });
  await calls.createOwner({ name: "acme" as never });
  await calls.findOwner({ name: "acme" });
  const { record } = await access.makeToken({
    user,
    label: "a",
    scopes: ["repository:read"],
    repositories: [repository],
  });
  const userKey = await calls.addUserKey({ ...key(1), user });
  const deployKey = await calls.addDeployKey({ ...key(2), repository, role: "read" });
  const target = { on: "repository", repository } as const;
  await calls.setGrant({ user, target, role: "write" });
  const issuer = await calls.createIssuer({
    id: newRecordId(systemRandom),
    url: "https://issuer.test",
    audience: "a",
  });
  const trust = await calls.createTrust({
    id: newRecordId(systemRandom),
    issuer: issuer.id,
    repository,
    role: "read",
    claims: [{ claim: "sub", pattern: "repo:acme/*" }],
    label: "a",
  });
  const expiresAtMs = 1_700_000_100_000;
  await access.makeJobToken({ trust: trust.id, subject: "job", label: "a", expiresAtMs });
  for (const list of ["listUsers", "listOwners", "listIssuers"] as const) await calls[list]({});
  for (const list of ["listTokens", "listUserKeys", "listGrants"] as const) {
    await calls[list]({ user, limit: 5 });
  }
  for (const list of ["listDeployKeys", "listTrusts"] as const) await calls[list]({ repository });
  await calls.removeTrust({ repository, id: trust.id });
  await calls.removeIssuer({ id: issuer.id });
  await calls.removeGrant({ user, target });
  await calls.removeDeployKey({ repository, id: deployKey.id });
  await calls.removeUserKey({ user, id: userKey.id });
  await calls.removeToken({ user, id: record.id });
  await calls.removeRepository({ repository });
  await calls.removeOwner({ name: "acme" });
  await calls.removeUser({ user });
}

async function talkOfEvents(fetcher: Fetcher): Promise<void> {
  const webhooks = new WebhookClient(fetcher);
  const id = newWebhookId(systemRandom);
  const provenance = PROVENANCE;
  await webhooks.create({
    id,
    target: { kind: "owner", owner: "acme" },
    url: "https://hook.test/",
    events: ["push"],
    active: true,
    secret: "s".repeat(20),
    provenance,
  });
  await webhooks.change({ id, active: false, provenance });
  await webhooks.find({ id, provenance });
  await webhooks.list({ limit: 5 });
  await webhooks.remove({ id, provenance });
  await new AuditClient(fetcher, { path: CONTROL_AUDIT_PATH }).query({ owner: "acme", limit: 5 });
  const { key } = parseRateKey("address:192.0.2.1");
  const rule = { perSecond: 1, burst: 1 };
  const reports = [{ key, rule, owed: 0, returned: 0, wanted: 1 }];
  await new RateLeaseClient(fetcher).settle({ frontend: "frontend-1", reports });
}
