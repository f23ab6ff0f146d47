import assert from "node:assert/strict";
import { DIRECT_WRITE_BYTES_MAX, systemClock } from "@gitstratum/core";
import {
  extentId,
  type ExtentWrite,
  type Fetcher,
  type GroupId,
  ManualTopology,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { testExtentStore } from "@gitstratum/core/rpc/contract-suite";
import { DirectExtentStore } from "./direct_extent_store.ts";
import type { ReplicationTrouble } from "./replicated_extent_store.ts";
import { idOf, NodeCluster } from "./testing/node_cluster.ts";

const OWNER = "0f".repeat(16) as NetworkId;
const NODES = [0, 1, 2].map(idOf);

/** What a push stores: three small extents, or one of another size. */
function pushOf(number: number, bytes = 3): ExtentWrite[] {
  const group = `${number}`.padStart(32, "0") as GroupId;
  return (["h", "c", "i"] as const).map((part, n) => ({
    id: extentId(packId(group, part), 0),
    bytes: new Uint8Array(bytes).fill(number * 3 + n),
  }));
}

interface Ground extends AsyncDisposable {
  readonly cluster: NodeCluster;
  readonly store: DirectExtentStore;
  readonly troubles: ReplicationTrouble[];
  /** Nodes that the store can not reach itself; others may. */
  readonly cut: Set<NodeId>;
}

/** A cluster, and a store at first hand whose calls can be cut apart from those by way of nodes. */
async function open(topology?: ManualTopology): Promise<Ground> {
  const cluster = await NodeCluster.start(3);
  const cut = new Set<NodeId>();
  const troubles: ReplicationTrouble[] = [];
  const store = new DirectExtentStore({
    routed: cluster.store,
    topology: topology ?? cluster.topology,
    fetcherFor: (address): Fetcher => (request) =>
      cut.has(new URL(address).hostname as NodeId)
        ? Promise.reject(new TypeError("Connection refused"))
        : cluster.fetcherFor(address)(request),
    clock: systemClock,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  return {
    cluster,
    store,
    troubles,
    cut,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await cluster.close();
    },
  };
}

async function idle({ store, cluster }: Ground): Promise<void> {
  await store.idle();
  await cluster.idle();
}

function requireEverywhere({ cluster }: Ground, extents: readonly ExtentWrite[]): void {
  for (const node of NODES) {
    for (const { id, bytes } of extents) {
      assert.deepEqual(cluster.node(node).store.read(id), bytes, `${id} on ${node}`);
    }
  }
}

function sum(count: (id: NodeId) => number): number {
  return NODES.reduce((all, id) => all + count(id), 0);
}

testExtentStore("DirectExtentStore over 3 nodes", async () => {
  const ground = await open();
  return { store: ground.store, close: async () => await ground[Symbol.asyncDispose]() };
});

Deno.test("DirectExtentStore.write() gives what a small push brings to each owner in one call", async () => {
  await using ground = await open();
  const { cluster, store, troubles } = ground;
  for (let push = 0; push < 5; push++) {
    await store.write(OWNER, pushOf(push));
    await idle(ground);
    requireEverywhere(ground, pushOf(push));
    assert.equal(sum((id) => cluster.mergeCount(id)), 3 * (push + 1));
    assert.equal(sum((id) => cluster.callCount(id)), 0, "calls by way of a node");
  }
  assert.deepEqual(troubles, []);
});

Deno.test("DirectExtentStore.write() leaves copies of large writes to a node", async () => {
  await using ground = await open();
  const { cluster, store } = ground;
  const extents = pushOf(1, DIRECT_WRITE_BYTES_MAX / 3 + 1);
  await store.write(OWNER, extents);
  await idle(ground);
  requireEverywhere(ground, extents);
  assert.ok(sum((id) => cluster.callCount(id)) > 0);
});

Deno.test("DirectExtentStore.write() hands over what missed an owner that others reach", async () => {
  await using ground = await open();
  const { cluster, store, cut, troubles } = ground;
  cut.add(idOf(1));
  for (let push = 0; push < 6; push++) await store.write(OWNER, pushOf(push));
  await idle(ground);
  assert.ok(troubles.some(({ what }) => what === "missed"));
  for (let push = 0; push < 6; push++) requireEverywhere(ground, pushOf(push));
  // After a few of them the node is known not to answer, and others are asked from the start.
  assert.ok(sum((id) => cluster.callCount(id)) > 0);
});

Deno.test("DirectExtentStore.write() goes by way of nodes when it reaches no quorum itself", async () => {
  await using ground = await open();
  const { store, cut } = ground;
  cut.add(idOf(0)).add(idOf(1));
  await store.write(OWNER, pushOf(1));
  await idle(ground);
  requireEverywhere(ground, pushOf(1));
});

Deno.test("DirectExtentStore.write() is durable while any one node is dead, which gets its copies later", async () => {
  await using ground = await open();
  const { cluster, store } = ground;
  for (const [push, node] of NODES.entries()) {
    await cluster.kill(node);
    await store.write(OWNER, pushOf(push));
    await idle(ground);
    await cluster.restart(node);
    const [{ id }] = pushOf(push) as [ExtentWrite];
    await cluster.until(() => cluster.node(node).store.stat(id) !== undefined);
  }
});

Deno.test("DirectExtentStore.write() is not taken by nodes that go by a newer ring", async () => {
  const stale = new ManualTopology();
  await using ground = await open(stale);
  const { cluster, store } = ground;
  cluster.changeRing(NODES.slice(0, 2));
  stale.set(cluster.topology.current());
  await cluster.closeHandOver();
  cluster.changeRing(NODES);
  await cluster.closeHandOver();
  await store.write(OWNER, pushOf(1));
  await idle(ground);
  // The ring that the writer goes by has two of them.
  requireEverywhere(ground, pushOf(1));
});
