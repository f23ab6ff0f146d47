import assert from "node:assert/strict";
import { type ErrorCode, hasCode, MIB } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { testExtentStore } from "@gitstratum/core/rpc/contract-suite";
import { placeExtent } from "./placement.ts";
import type { ReplicatedExtentStore } from "./replicated_extent_store.ts";
import type { FaultyReplica, ReplicaFault } from "./testing/faulty_replica.ts";
import { ReplicaCluster, ringOf } from "./testing/replica_cluster.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const GROUP = "00000000000000000000000000000abc" as GroupId;
const ID: ExtentId = extentId(packId(GROUP, "h"), 0);
const BYTES = new Uint8Array(1000).fill(7);
const WHOLE = { offset: 0, length: BYTES.length };

/** The cluster of these tests, with one extent of its own. */
class Cluster extends ReplicaCluster {
  write(bytes = BYTES): Promise<void> {
    return this.store.write(OWNER, [{ id: ID, bytes }]);
  }

  override placed(id = ID): ReturnType<ReplicaCluster["placed"]> {
    return super.placed(id);
  }
}

function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(hasCode(error, code), String(error));
    return true;
  });
}

async function holds(replica: FaultyReplica, id = ID): Promise<string> {
  const record = await replica.inner.find(id);
  return record === undefined ? "nothing" : `${record.kind}@${record.version}`;
}

/** Time that runs by itself, for suites that know nothing of a clock. */
function run(cluster: Cluster): { readonly store: ReplicatedExtentStore; close(): Promise<void> } {
  let stopped = false;
  const running = (async () => {
    while (!stopped) await cluster.clock.advance(2000);
  })();
  return {
    store: cluster.store,
    async close() {
      await cluster.store.idle();
      stopped = true;
      await running;
    },
  };
}

function oneOfThree(fault: ReplicaFault, delayMs = 0): () => Promise<ReturnType<typeof run>> {
  return () => {
    const cluster = new Cluster(3);
    cluster.node("node-1").fault = fault;
    cluster.node("node-1").delayMs = delayMs;
    return Promise.resolve(run(cluster));
  };
}

testExtentStore("ReplicatedExtentStore of 3 nodes", oneOfThree("none"));
testExtentStore("ReplicatedExtentStore with one of 3 nodes down", oneOfThree("down"));
testExtentStore("ReplicatedExtentStore with one of 3 nodes full", oneOfThree("full"));
testExtentStore("ReplicatedExtentStore with one of 3 nodes corrupt", oneOfThree("corrupt"));
testExtentStore("ReplicatedExtentStore with one of 3 nodes slow", oneOfThree("none", 2000));
testExtentStore("ReplicatedExtentStore with one of 3 nodes silent", oneOfThree("silent"));
testExtentStore("ReplicatedExtentStore of 1 node", () => Promise.resolve(run(new Cluster(1))));
testExtentStore("ReplicatedExtentStore of 7 nodes", () => Promise.resolve(run(new Cluster(7))));
testExtentStore("ReplicatedExtentStore with one of 7 nodes down", () => {
  const cluster = new Cluster(7);
  cluster.node("node-2").fault = "down";
  return Promise.resolve(run(cluster));
});
testExtentStore("ReplicatedExtentStore while the ring changes", () => {
  const cluster = new Cluster(4, { previous: ringOf(4, 1) });
  return Promise.resolve(run(cluster));
});

Deno.test("ReplicatedExtentStore.write() tries every owner, and resolves without the slowest", async () => {
  const cluster = new Cluster(3);
  const { owners } = cluster.placed();
  owners[1]!.delayMs = 500;
  await cluster.write();
  assert.equal(await holds(owners[1]!), "nothing");
  await cluster.passing(cluster.store.idle());
  for (const owner of owners) assert.equal(await holds(owner), "living@0");
});

Deno.test("ReplicatedExtentStore.write() keeps hints for missed owners, which readers find", async () => {
  const cluster = new Cluster(5);
  const { owners, substitutes } = cluster.placed();
  owners[0]!.fault = "down";
  owners[1]!.fault = "down";
  await cluster.passing(cluster.write());
  await cluster.passing(cluster.store.idle());
  const names = await Promise.all(substitutes.map(({ inner }) => inner.hints({ limit: 10 })));
  assert.deepEqual(names.flat().map(({ id }) => id), [ID, ID]);
  // Now only hints are within reach.
  owners[2]!.fault = "down";
  assert.deepEqual(await cluster.passing(cluster.store.read(ID, WHOLE)), BYTES);
  assert.equal((await cluster.passing(cluster.store.stat(ID)))?.bytes, BYTES.length);
});

Deno.test("ReplicatedExtentStore writes and reads with two of 7 nodes down, but can not list", async () => {
  const cluster = new Cluster(7);
  for (const node of ["node-2", "node-5"]) cluster.node(node).fault = "down";
  for (let index = 0; index < 50; index++) {
    const id = extentId(packId(GROUP, "c"), index);
    await cluster.passing(cluster.store.write(OWNER, [{ id, bytes: BYTES }]));
    assert.deepEqual(await cluster.passing(cluster.store.read(id, WHOLE)), BYTES);
  }
  await cluster.passing(cluster.store.idle());
  // An extent may be on these two and nowhere else that a listing shows.
  await rejectsWith("unavailable", cluster.store.list({ limit: 10 }));
});

Deno.test("ReplicatedExtentStore.write() is unavailable without a quorum, disk-full when that is why", async () => {
  for (const [fault, code] of [["down", "unavailable"], ["full", "disk-full"]] as const) {
    const cluster = new Cluster(3);
    for (const owner of cluster.placed().owners.slice(0, 2)) owner.fault = fault;
    await rejectsWith(code, cluster.passing(cluster.write()));
    await cluster.passing(cluster.store.idle());
    assert.deepEqual(cluster.troubles.map(({ what }) => what), ["missed"]);
  }
});

Deno.test("ReplicatedExtentStore.write() withdraws what conflicts with a quorum", async () => {
  const cluster = new Cluster(3);
  const { owners } = cluster.placed();
  owners[2]!.fault = "down";
  await cluster.write();
  await cluster.store.idle();
  owners[2]!.fault = "none";
  await rejectsWith("conflict", cluster.write(new Uint8Array(1000).fill(8)));
  await cluster.store.idle();
  assert.equal(await holds(owners[2]!), "nothing");
  assert.deepEqual(await cluster.store.read(ID, WHOLE), BYTES);
});

Deno.test("ReplicatedExtentStore.write() has bytes of its own for owners that come later", async () => {
  const cluster = new Cluster(3);
  const late = cluster.placed().owners[0]!;
  late.delayMs = 500;
  const bytes = BYTES.slice();
  await cluster.write(bytes);
  bytes.fill(0);
  await cluster.passing(cluster.store.idle());
  assert.deepEqual(await late.inner.read(ID, WHOLE), BYTES);
});

Deno.test("ReplicatedExtentStore.write() waits rather than to hold ever more bytes for a slow owner", async () => {
  const cluster = new Cluster(3);
  cluster.node("node-1").delayMs = 5000;
  const bytes = new Uint8Array(8 * MIB);
  let doneCount = 0;
  const writes = Array.from({ length: 20 }, (_, index) => {
    const id = extentId(packId(GROUP, "c"), index);
    return cluster.store.write(OWNER, [{ id, bytes }]).then(() => doneCount++);
  });
  await cluster.clock.advance(100);
  assert.equal(doneCount, 16);
  await cluster.passing(Promise.all(writes));
  await cluster.passing(cluster.store.idle());
});

Deno.test("ReplicatedExtentStore.write() sends many extents to a node in one call", async () => {
  const cluster = new Cluster(3);
  const extents = Array.from({ length: 50 }, (_, index) => ({
    id: extentId(packId(GROUP, "c"), index),
    bytes: new Uint8Array(100).fill(index),
  }));
  await cluster.store.write(OWNER, extents);
  await cluster.store.idle();
  for (const node of cluster.ids) assert.equal(cluster.node(node).callCount, 1);
});

Deno.test("ReplicatedExtentStore.read() asks the next owner when one is late", async () => {
  const cluster = new Cluster(3);
  await cluster.write();
  await cluster.store.idle();
  const { owners } = cluster.placed();
  owners[0]!.fault = "silent";
  const read = cluster.store.read(ID, WHOLE);
  await cluster.clock.advance(149);
  assert.equal(owners[1]!.callCount, 1);
  await cluster.clock.advance(1);
  assert.deepEqual(await read, BYTES);
  assert.equal(owners[2]!.callCount, 1);
});

Deno.test("ReplicatedExtentStore.read() passes over nodes that did not answer lately", async () => {
  const cluster = new Cluster(3);
  await cluster.write();
  await cluster.store.idle();
  const dead = cluster.placed().owners[0]!;
  dead.fault = "down";
  for (let n = 0; n < 3; n++) await cluster.store.read(ID, WHOLE);
  const { callCount } = dead;
  for (let n = 0; n < 5; n++) await cluster.store.read(ID, WHOLE);
  assert.equal(dead.callCount, callCount);
});

Deno.test("ReplicatedExtentStore.read() repairs damaged and missing copies, from intact ones only", async () => {
  const cluster = new Cluster(3);
  await cluster.write();
  await cluster.store.idle();
  const { owners } = cluster.placed();
  owners[0]!.inner.damage(ID);
  await owners[1]!.inner.forget([{ id: ID, version: 0 as never }]);
  assert.deepEqual(await cluster.store.read(ID, WHOLE), BYTES);
  await cluster.store.idle();
  for (const owner of owners) assert.deepEqual(await owner.inner.read(ID, WHOLE), BYTES);

  for (const owner of owners) owner.inner.damage(ID);
  await rejectsWith("corrupt", cluster.store.read(ID, WHOLE));
  await cluster.store.idle();
  for (const owner of owners) await rejectsWith("corrupt", owner.inner.read(ID, WHOLE));
});

Deno.test("ReplicatedExtentStore.read() does not say not-found while an acknowledged copy may be away", async () => {
  const cluster = new Cluster(3);
  const { owners } = cluster.placed();
  owners[0]!.fault = "down";
  await cluster.write();
  await cluster.store.idle();
  owners[0]!.fault = "none";
  owners[1]!.fault = "down";
  owners[2]!.fault = "down";
  await rejectsWith("unavailable", cluster.passing(cluster.store.read(ID, WHOLE)));
  await rejectsWith("unavailable", cluster.passing(cluster.store.stat(ID)));
  await rejectsWith("unavailable", cluster.passing(cluster.store.list({ limit: 10 })));
});

Deno.test("ReplicatedExtentStore.remove() leaves tombstones that overrule copies that missed it", async () => {
  const cluster = new Cluster(3);
  await cluster.write();
  await cluster.store.idle();
  const { owners } = cluster.placed();
  owners[2]!.fault = "down";
  await cluster.store.remove([ID]);
  await cluster.store.idle();
  owners[2]!.fault = "none";
  assert.equal(await holds(owners[2]!), "living@0");
  assert.deepEqual(await cluster.store.list({ limit: 10 }), []);
  // A new life goes everywhere, over tombstones and over what missed them.
  const bytes = new Uint8Array(10).fill(1);
  await cluster.write(bytes);
  await cluster.store.idle();
  for (const owner of owners) assert.equal(await holds(owner), "living@2");
});

Deno.test("ReplicatedExtentStore writes to the owners of both rings while the ring changes", async () => {
  const cluster = new Cluster(0, { current: ringOf(3, 10), previous: ringOf(3) });
  for (const node of ["node-0", "node-1"]) cluster.node(node).fault = "down";
  await rejectsWith("unavailable", cluster.passing(cluster.write()));
  cluster.node("node-0").fault = "none";
  await cluster.passing(cluster.write());
  await cluster.store.idle();
  for (const node of ["node-0", "node-2", "node-10", "node-11", "node-12"]) {
    assert.equal(await holds(cluster.node(node)), "living@0", node);
  }
  // Before the hand-over what was written on the old ring alone is found there.
  const old = extentId(packId(GROUP, "c"), 9);
  const write = {
    kind: "living",
    id: old,
    version: 0 as never,
    owner: OWNER,
    bytes: BYTES,
  } as const;
  await cluster.node("node-2").inner.merge([write]);
  assert.deepEqual(await cluster.passing(cluster.store.read(old, WHOLE)), BYTES);
});

Deno.test("ReplicatedExtentStore says once that it has fewer nodes than replicas", async () => {
  const cluster = new Cluster(2);
  await cluster.write();
  await cluster.store.remove([ID]);
  await cluster.store.idle();
  assert.deepEqual(cluster.troubles, [{ what: "degraded", data: { nodes: 2, replicas: 3 } }]);
  const none = new Cluster(0);
  await rejectsWith("unavailable", none.write());
  await rejectsWith("unavailable", none.store.read(ID, WHOLE));
});

Deno.test("placeExtent() spreads owners over zones and takes substitutes from the rest", () => {
  const { view } = new Cluster(9);
  for (let index = 0; index < 100; index++) {
    const { owners, substitutes } = placeExtent(view, `${index}`);
    const zones = owners.map((node: NodeId) => Number(node.slice(5)) % 3);
    assert.equal(new Set(zones).size, 3);
    assert.equal(new Set([...owners, ...substitutes]).size, 5);
  }
});
