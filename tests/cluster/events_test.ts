/**
 * Webhooks and the audit trail of a cluster whose nodes are killed.
 */

import assert from "node:assert/strict";
import { systemClock, systemRandom } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
import {
  AuditClient,
  type AuditEvent,
  CONTROL_AUDIT_PATH,
  ManualTopology,
  MergedAuditTrail,
  MetadataClient,
  newWebhookId,
  parseRepositoryName,
  RoutedAuditTrail,
  RoutedDeliveries,
  WebhookClient,
} from "@gitstratum/core/rpc";
import { git } from "../harness/git.ts";
import { initRepository } from "../harness/history.ts";
import { LocalCluster } from "../harness/local_cluster.ts";
import { commitFile } from "../harness/pushed.ts";
import { Receiver, RECEIVER_SECRET } from "../harness/receiver.ts";
import { temporaryDirectory } from "../harness/temp.ts";
import { eventually, primaryOf, signed, topologyOf } from "./world.ts";

const NAME = parseRepositoryName("acme/tool");
const COUNTS = {
  etcdCount: 1,
  controlCount: 1,
  metadataCount: 2,
  objectCount: 1,
  frontendCount: 1,
};

/** The services of events, as a frontend asks for them. */
async function eventsOf(cluster: LocalCluster) {
  const fetcher = signed(cluster);
  const [{ url: baseUrl }] = cluster.control as [LocalCluster["control"][number]];
  const topology = new ManualTopology(await topologyOf(cluster));
  const common = { clock: systemClock, random: systemRandom };
  const routing = { topology, fetcherFor: () => fetcher, ...common };
  return {
    webhooks: new WebhookClient(fetcher, { baseUrl }),
    deliveries: new RoutedDeliveries(routing),
    audit: new MergedAuditTrail([
      new RoutedAuditTrail(routing),
      new AuditClient(fetcher, { path: CONTROL_AUDIT_PATH, baseUrl }),
    ]),
  };
}

Deno.test("webhooks hear of every push to a cluster, whoever is the primary", async () => {
  await using temp = await temporaryDirectory();
  await using receiver = new Receiver();
  const metadataFlags = ["--egress-allow", "127.0.0.1"];
  await using cluster = await LocalCluster.start({ ...COUNTS, metadataFlags });
  const { webhooks } = await eventsOf(cluster);
  const webhook = await webhooks.create({
    id: newWebhookId(systemRandom),
    target: { kind: "owner", owner: "acme" },
    url: `${receiver.url}/hook`,
    secret: RECEIVER_SECRET,
    events: ["push"],
    active: true,
    provenance: { user: "alice", transport: "api", atMs: Date.now() },
  });
  const work = await initRepository(temp.join("work"));
  const push = async (branch: string) => {
    await commitFile(work, { path: "a", content: `${branch}\n` });
    await git(["-C", work, "push", "-q", cluster.url(NAME), `HEAD:refs/heads/${branch}`]);
  };
  const heardOf = (branch: string) =>
    receiver.until((received) =>
      received.some(({ reference }) => reference === `refs/heads/${branch}`)
    );

  await push("first");
  await heardOf("first");
  // The primary dies while the receiver has not answered yet.
  const released = Promise.withResolvers<void>();
  receiver.behave = async () => {
    await released.promise;
    return new Response();
  };
  await push("second");
  await heardOf("second");
  const named = await primaryOf(cluster, partitionOf(NAME));
  const client = new MetadataClient(signed(cluster), { baseUrl: named.url });
  const found = await client.findRepository(NAME);
  const partition = partitionOf(found!.networkId);
  const primary = await primaryOf(cluster, partition);
  await primary.kill();
  released.resolve();
  receiver.behave = () => new Response();
  const [, lost] = receiver.received;
  await receiver.until((received) => received.filter(({ id }) => id === lost!.id).length === 2);
  await push("third");
  await heardOf("third");
  await primary.start();
  await cluster.settled();
  await push("fourth");
  await heardOf("fourth");
  assert.ok(receiver.received.every(({ isSigned }) => isSigned));
  assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 4);

  const { audit, deliveries } = await eventsOf(cluster);
  // The log is told a moment after the receiver.
  await eventually("all deliveries are known to be made", async () => {
    const made = await deliveries.list({ webhookId: webhook.id, state: "delivered", limit: 10 });
    return made.length === 4;
  });
  const events: AuditEvent[] = [];
  for (;;) {
    const before = events.at(-1)?.id;
    const page = await audit.query({ limit: 2, ...(before === undefined ? {} : { before }) });
    events.push(...page);
    if (page.length < 2) break;
  }
  assert.deepEqual(events.map(({ kind, details }) => [kind, details.reference]), [
    ...["fourth", "third", "second", "first"].map((branch) => [
      "reference-updated",
      `refs/heads/${branch}`,
    ]),
    ["repository-created", undefined],
    ["webhook-created", undefined],
  ]);
  const [{ repository, provenance }] = events as [AuditEvent];
  assert.deepEqual([repository?.name, provenance?.transport], [NAME, "http"]);
  assert.match(provenance!.remoteAddress!, /127\.0\.0\.1/);
});
