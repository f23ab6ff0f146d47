/**
 * Upkeep of whole nodes with their services: what is missing, damaged or misplaced gets well.
 */

import assert from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
  RepairClient,
} from "@gitstratum/core/rpc";
import type { RepairCheckpoint } from "./anti_entropy.ts";
import { DiskCheckpoints } from "./disk_checkpoints.ts";
import { MemoryReplica } from "./memory_replica.ts";
import { RefillingReplica } from "./refilling_replica.ts";
import { testReplicaNode } from "./replica_contract_suite.ts";
import { idOf, NodeCluster } from "./testing/node_cluster.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const COUNT = 40;
const BYTES = new Uint8Array(1000).fill(7);

const extent = (n: number): ExtentId =>
  extentId(packId(n.toString(16).padStart(32, "0") as GroupId, "c"), 0);
const EXTENTS = Array.from({ length: COUNT }, (_, n) => extent(n));

/** Three nodes that all own each of the extents. */
async function withExtents(
  run: (cluster: NodeCluster) => Promise<void>,
  options: { readonly scrubIntervalMs?: number } = {},
): Promise<void> {
  const cluster = await NodeCluster.start(3, options);
  try {
    cluster.changeRing([0, 1, 2].map(idOf));
    await cluster.store.write(OWNER, EXTENTS.map((id) => ({ id, bytes: BYTES })));
    await cluster.idle();
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

function intactCount(cluster: NodeCluster, id: NodeId): number {
  const { store } = cluster.node(id);
  return EXTENTS.filter((extent) => {
    try {
      return store.read(extent).length === BYTES.length;
    } catch (error) {
      if (hasCode(error, "not-found") || hasCode(error, "corrupt")) return false;
      throw error;
    }
  }).length;
}

Deno.test("RingUpkeep brings a node that was away what it missed", async () => {
  await withExtents(async (cluster) => {
    await cluster.kill(idOf(1));
    await cluster.store.remove(EXTENTS.slice(0, 10));
    await cluster.store.write(OWNER, [{ id: extent(100), bytes: BYTES }]);
    await cluster.restart(idOf(1));
    await cluster.until(() => {
      const { store } = cluster.node(idOf(1));
      return intactCount(cluster, idOf(1)) === COUNT - 10 && store.stat(extent(100)) !== undefined;
    });
    for (const id of EXTENTS.slice(0, 10)) assert.equal(await cluster.store.stat(id), undefined);
  });
});

Deno.test("RingUpkeep copies nothing while an operator holds it up, and goes on afterwards", async () => {
  await withExtents(async (cluster) => {
    const client = new RepairClient(cluster.fetcherFor("http://object-3"), {
      baseUrl: "http://object-3",
    });
    await cluster.add(idOf(3));
    cluster.pauseRepairs(idOf(3), true);
    cluster.changeRing([0, 1, 2, 3].map(idOf));
    // The others are done; this one has been asked for, and has not begun.
    const isDone = (n: number) => cluster.node(idOf(n)).ring!.upkeep.status.ringVersion === 2;
    await cluster.until(() => [0, 1, 2].every(isDone));
    await client.compare();
    const held = await client.status();
    assert.ok(held.paused && held.handingOver && !held.comparing);
    assert.equal(held.ringVersion, 0);
    assert.equal(intactCount(cluster, idOf(3)), 0);
    cluster.pauseRepairs(idOf(3), false);
    await cluster.until(() => isDone(3));
    assert.ok(intactCount(cluster, idOf(3)) > 0);
    const { paused, comparison } = await client.status();
    assert.equal(paused, false);
    assert.ok(comparison !== undefined && comparison.copiedCount > 0);
  });
});

Deno.test("RingUpkeep compares at once when an operator asks", async () => {
  await withExtents(async (cluster) => {
    // Whatever else would make it compare comes an hour later.
    await cluster.forgotten(idOf(1));
    const { store } = cluster.node(idOf(1));
    await store.remove([EXTENTS[0]!]);
    assert.equal(intactCount(cluster, idOf(1)), COUNT - 1);
    const client = new RepairClient(cluster.fetcherFor("http://object-1"), {
      baseUrl: "http://object-1",
    });
    await client.compare();
    await cluster.until(() => intactCount(cluster, idOf(1)) === COUNT);
  });
});

Deno.test("RingUpkeep brings a node that stood still what nobody could keep for it", async () => {
  await withExtents(async (cluster) => {
    cluster.hide(idOf(1), true);
    await cluster.store.write(OWNER, [{ id: extent(100), bytes: BYTES }]);
    await cluster.idle();
    cluster.hide(idOf(1), false);
    cluster.setState(idOf(1), "suspect");
    assert.equal(cluster.node(idOf(1)).store.stat(extent(100)), undefined);
    cluster.setState(idOf(1), "active");
    await cluster.until(() => cluster.node(idOf(1)).store.stat(extent(100)) !== undefined);
  });
});

Deno.test("RingUpkeep hears from others that writes missed it, though nobody ever gave it up", async () => {
  await withExtents(async (cluster) => {
    // All have compared themselves after the start, and would do so again in an hour.
    await cluster.until(() =>
      [0, 1, 2].every((n) => cluster.node(idOf(n)).ring!.upkeep.status.comparison?.complete)
    );
    cluster.hide(idOf(1), true);
    await cluster.store.write(OWNER, [{ id: extent(100), bytes: BYTES }]);
    await cluster.idle();
    cluster.hide(idOf(1), false);
    assert.equal(cluster.node(idOf(1)).store.stat(extent(100)), undefined);
    await cluster.until(() => cluster.node(idOf(1)).store.stat(extent(100)) !== undefined);
  });
});

Deno.test("RingUpkeep fills a disk that was lost, and the node says of nothing before that it is absent", async () => {
  await withExtents(async (cluster) => {
    await cluster.kill(idOf(1));
    // Of its two peers none answers, so it can not fill.
    cluster.hide(idOf(0), true);
    cluster.hide(idOf(2), true);
    await cluster.restart(idOf(1), new MemoryDisk());
    const { ring } = cluster.node(idOf(1));
    assert.equal(ring!.upkeep.status.refilling, true);
    const find = new Request(`http://object-1/object/v1/replica/records/${extent(0)}`);
    assert.equal((await (await ring!.service.fetch(find)).json()).code, "aborted");
    cluster.hide(idOf(0), false);
    cluster.hide(idOf(2), false);
    ring!.upkeep.compareSoon();
    await cluster.until(() => !ring!.upkeep.status.refilling);
    assert.equal(intactCount(cluster, idOf(1)), COUNT);
    // A later start finds a disk that was filled.
    await cluster.kill(idOf(1));
    await cluster.restart(idOf(1));
    assert.equal(cluster.node(idOf(1)).ring!.upkeep.status.refilling, false);
  });
});

/** Changes a byte of an extent behind the back of its node. */
function damage(disk: MemoryDisk, id: ExtentId): void {
  for (const name of disk.list("segments").filter((name) => name.endsWith(".seg"))) {
    const file = disk.open(`segments/${name}`, { write: true });
    const bytes = new Uint8Array(file.size());
    file.readAt(bytes, 0);
    const at = new TextDecoder("latin1").decode(bytes).indexOf(id + OWNER);
    if (at >= 0) {
      const offset = at + id.length + OWNER.length + 50;
      file.writeAt(Uint8Array.of(bytes[offset]! ^ 1), offset);
    }
    file.close();
  }
}

Deno.test("RingUpkeep repairs rot that scrubbing found, from another node", async () => {
  await withExtents(async (cluster) => {
    damage(cluster.disk(idOf(2)), extent(5));
    damage(cluster.disk(idOf(2)), extent(6));
    const told = () =>
      cluster.troubles.filter(({ what }) => what === "damage").map(({ data }) => data.key);
    const { store } = cluster.node(idOf(2));
    await cluster.until(() => told().length >= 2 && store.stats().corruptKeyCount === 0);
    assert.deepEqual(told().slice(0, 2), [extent(5), extent(6)]);
    assert.equal(intactCount(cluster, idOf(2)), COUNT);
  }, { scrubIntervalMs: 30 });
});

Deno.test("RingUpkeep copies nothing while callers keep a node busy", async () => {
  await withExtents(async (cluster) => {
    await cluster.kill(idOf(1));
    await cluster.restart(idOf(1), new MemoryDisk());
    const node = cluster.node(idOf(1));
    // Bodies that do not end: calls that the node is at.
    const bodies = Array.from({ length: 16 }, () => new TransformStream<Uint8Array, Uint8Array>());
    const calls = bodies.map(({ readable }, n) =>
      node.service.fetch(
        new Request(`http://object-1/object/v1/extents/${extent(200 + n)}`, {
          method: "PUT",
          body: readable,
          headers: { "x-gitstratum-owner": OWNER, "content-length": "1" },
        }),
      )
    );
    await cluster.until(() => node.ring!.upkeep.status.waiting);
    const before = node.store.stats().keyCount;
    assert.ok(before < COUNT);
    for (const { writable } of bodies) await writable.abort("gone");
    for (const response of await Promise.all(calls)) assert.ok(response.status >= 400);
    await cluster.until(() => intactCount(cluster, idOf(1)) === COUNT);
  });
});

testReplicaNode("RefillingReplica that is full", () => {
  const inner = new MemoryReplica({ nowMs: () => 1000 });
  return Promise.resolve({
    replica: new RefillingReplica(inner, () => false),
    damage: (id) => Promise.resolve(inner.damage(id)),
    close: () => Promise.resolve(),
  });
});

Deno.test("DiskCheckpoints keeps the last checkpoint, and takes a torn one for none", async () => {
  const disk = new MemoryDisk();
  const checkpoints = new DiskCheckpoints(disk);
  assert.equal(await checkpoints.load(), undefined);
  const checkpoint: RepairCheckpoint = {
    rings: "ring",
    peer: idOf(1),
    partCount: 3,
    absent: [idOf(0)],
    failedCount: 2,
  };
  await checkpoints.save({ ...checkpoint, partCount: 2 });
  await checkpoints.save(checkpoint);
  assert.deepEqual(await new DiskCheckpoints(disk).load(), checkpoint);
  for (const bytes of [10, 0]) {
    const file = disk.open("comparison.json", { write: true });
    file.truncate(bytes);
    file.close();
    assert.equal(await checkpoints.load(), undefined);
  }
  await checkpoints.save(undefined);
  assert.equal(await checkpoints.load(), undefined);
});
