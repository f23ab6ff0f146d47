import assert from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import { HashRing } from "@gitstratum/core/ring";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { deliverHints } from "./hint_delivery.ts";
import { MemoryReplica } from "./memory_replica.ts";
import { NodeCaller } from "./node_caller.ts";
import type { LifeVersion } from "./replica_record.ts";
import { ringOf } from "./testing/replica_cluster.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const ID: ExtentId = extentId(packId("a".repeat(32) as GroupId, "h"), 0);
const KEEPER = "keeper" as NodeId;
const TARGET = "node-0" as NodeId;

/** A node that keeps a hint for another one, and the delivery by a ring. */
async function keeping() {
  const clock = new ManualClock();
  const nodes = new Map([KEEPER, TARGET].map((id) => [id, new MemoryReplica(clock)]));
  const bytes = new TextEncoder().encode("bytes");
  const version = 0 as LifeVersion;
  const keeper = nodes.get(KEEPER)!;
  await keeper.keepHint(TARGET, { kind: "living", id: ID, version, owner: OWNER, bytes });
  const caller = new NodeCaller((id) => nodes.get(id)!, { clock, timeoutMs: 1000 });
  const policy = { replicaCount: 3, writeQuorum: 2 };
  const deliver = (current: HashRing) =>
    deliverHints({
      caller,
      self: KEEPER,
      view: { current, policy },
      signal: new AbortController().signal,
    });
  return { keeper, target: nodes.get(TARGET)!, deliver };
}

Deno.test("deliverHints() brings a hint to its target, then drops it", async () => {
  const { keeper, target, deliver } = await keeping();
  assert.deepEqual(await deliver(ringOf(1)), { deliveredCount: 1, keptCount: 0 });
  assert.equal((await target.find(ID))?.kind, "living");
  assert.deepEqual(await keeper.hints({ limit: 10 }), []);
});

Deno.test("deliverHints() keeps every hint while it knows of no ring", async () => {
  const { keeper, deliver } = await keeping();
  assert.deepEqual(await deliver(new HashRing([])), { deliveredCount: 0, keptCount: 1 });
  assert.deepEqual(await keeper.hints({ limit: 10 }), [{ target: TARGET, id: ID }]);
});
