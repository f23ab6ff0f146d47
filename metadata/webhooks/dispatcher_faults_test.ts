/**
 * Webhooks of a cluster whose nodes die at any moment, under receivers that fail now and then: every
 * push is heard of, under one id, and whoever is the primary goes on.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { ManualClock, SeededRandom, systemRandom } from "@gitstratum/core";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import {
  type NodeId,
  type RepositoryInfo,
  type SecretWebhook,
  WEBHOOK_HEAD_KEY,
  type WebhookId,
  webhookKey,
} from "@gitstratum/core/rpc";
import { TestCluster } from "../testing/test_cluster.ts";
import { type Received, RecordingEgress } from "./testing/recording_egress.ts";

const SEED = Number(Deno.env.get("GITSTRATUM_TEST_SEED") ?? 11);
const ROUND_COUNT = 3;
const PUSH_COUNT = 30;
const POLICY = { pauseMs: 500, pauseMsMax: 4000, attemptCountMax: 50 };

/** A store with one webhook for everything of an owner. */
async function registryWith(host: string): Promise<MemoryConsensus> {
  const consensus = new MemoryConsensus({ clock: new ManualClock(), random: systemRandom });
  const webhook: SecretWebhook = {
    id: "a".repeat(32) as WebhookId,
    target: { kind: "owner", owner: "acme" },
    url: `http://${host}/`,
    secret: "a secret of some length",
    events: ["push"],
    active: true,
    createdAtMs: 0,
  };
  const value = new TextEncoder().encode(JSON.stringify(webhook));
  await consensus.transact({
    compares: [],
    then: [
      { kind: "put", key: WEBHOOK_HEAD_KEY, value: new Uint8Array([1]) },
      { kind: "put", key: webhookKey(webhook.id), value },
    ],
  });
  return consensus;
}

for (let round = 0; round < ROUND_COUNT; round++) {
  const seed = SEED + round;
  Deno.test(`every push is heard of while nodes die and receivers fail (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    const egress = new RecordingEgress();
    const taken = new Set<string>();
    const nameOf = ({ value }: Received) =>
      `${value.repository.name} ${value.changes![0]!.reference}`;
    egress.behaviours.set("a.test", (received) => {
      if (random.chance(0.2)) return "hangs";
      if (random.chance(0.2)) return 500;
      taken.add(nameOf(received));
      return 200;
    });
    const consensus = await registryWith("a.test");
    const webhooks = { consensus, egress, policy: POLICY };
    await using cluster = await TestCluster.start({ webhooks, keepEntryCount: 20 });
    const infos: RepositoryInfo[] = [];
    for (let number = 0; number < 4; number++) infos.push(await cluster.create(`acme/n${number}`));
    const pushed: string[] = [];
    let dead: string | undefined;
    for (let number = 0; number < PUSH_COUNT; number++) {
      const info = infos[random.below(infos.length)]!;
      const name = `refs/heads/b${number}`;
      const { result } = await cluster.pushNew(info, name);
      equal((await cluster.during(result)).results[0]?.rejected, undefined);
      pushed.push(`${info.name} ${name}`);
      if (random.chance(0.3)) await cluster.clock.advance(random.below(3000));
      if (dead !== undefined && random.chance(0.5)) {
        await cluster.during(cluster.restart(dead, { lose: random.chance(0.5) }));
        cluster.assign((partition, ids) => ({
          primary: ids[(partition + number) % ids.length]!,
          followers: ids.filter((_, index) => index !== (partition + number) % ids.length),
        }));
        dead = undefined;
      } else if (dead === undefined && random.chance(0.25)) {
        dead = ["a", "b", "c"][random.below(3)]! as NodeId;
        cluster.kill(dead);
        cluster.replace(dead);
      }
    }
    for (let step = 0; step < 400 && taken.size < PUSH_COUNT; step++) {
      await cluster.clock.advance(500);
    }
    deepEqual([...taken].sort(), pushed.toSorted());
    const ids = new Map(egress.received.map((received) => [received.id, nameOf(received)]));
    equal(ids.size, PUSH_COUNT, "one id for each event");
    ok(egress.received.length >= PUSH_COUNT);
    await consensus.close();
  });
}
