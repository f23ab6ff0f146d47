import assert from "node:assert/strict";
import { hasCode, MIB } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { testExtentStore } from "@gitstratum/core/rpc/contract-suite";
import { idOf, NodeCluster } from "./testing/node_cluster.ts";

const GROUP = "00000000000000000000000000000abc" as GroupId;
const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;

const extent = (n: number): ExtentId => extentId(packId(GROUP, "c"), n);
const contentOf = (n: number) => new Uint8Array(1000 + n).fill(n + 1);

for (const count of [1, 2, 3, 5]) {
  testExtentStore(`RoutedExtentStore over ${count} nodes`, async () => {
    const cluster = await NodeCluster.start(count);
    return { store: cluster.store, close: () => cluster.close() };
  });
}

async function withCluster(count: number, run: (cluster: NodeCluster) => Promise<void>) {
  const cluster = await NodeCluster.start(count);
  try {
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

async function writeExtents(cluster: NodeCluster, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    await cluster.store.write(OWNER, [{ id: extent(n), bytes: contentOf(n) }]);
  }
}

async function readsAll(cluster: NodeCluster, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    const bytes = contentOf(n);
    const found = await cluster.store.read(extent(n), { offset: 0, length: bytes.length });
    assert.deepEqual(found, bytes, `extent ${n}`);
  }
}

Deno.test("RoutedExtentStore reads and writes while any one node is dead, and after each in turn was", async () => {
  await withCluster(4, async (cluster) => {
    await writeExtents(cluster, 0, 20);
    for (let n = 0; n < 4; n++) {
      await cluster.kill(idOf(n));
      await readsAll(cluster, 0, 20 + 5 * n);
      await writeExtents(cluster, 20 + 5 * n, 25 + 5 * n);
      await cluster.restart(idOf(n));
    }
    await readsAll(cluster, 0, 40);
  });
});

Deno.test("RoutedExtentStore reads while any one node stands still", async () => {
  await withCluster(3, async (cluster) => {
    await writeExtents(cluster, 0, 10);
    for (let n = 0; n < 3; n++) {
      cluster.stop(idOf(n), true);
      await readsAll(cluster, 0, 10);
      cluster.stop(idOf(n), false);
    }
  });
});

Deno.test("RoutedExtentStore stores what a small push brings with one call to each of three nodes", async () => {
  await withCluster(3, async (cluster) => {
    const nodes = [0, 1, 2].map(idOf);
    const sum = (count: (id: NodeId) => number) => nodes.reduce((all, id) => all + count(id), 0);
    const parts = ["h", "c", "i"] as const;
    for (let push = 0; push < 5; push++) {
      const group = `${push}`.padStart(32, "0") as GroupId;
      await cluster.store.write(
        OWNER,
        parts.map((part, n) => ({ id: extentId(packId(group, part), 0), bytes: contentOf(n) })),
      );
      await cluster.idle();
      assert.equal(sum((id) => cluster.callCount(id)), push + 1, "calls of the writer");
      assert.equal(sum((id) => cluster.mergeCount(id)), 2 * (push + 1), "calls among nodes");
      for (const [n, part] of parts.entries()) {
        for (const id of nodes) {
          const key = extentId(packId(group, part), 0);
          assert.deepEqual(cluster.node(id).store.read(key), contentOf(n), `${part} on ${id}`);
        }
      }
    }
  });
});

Deno.test("RoutedExtentStore passes over a node that does not answer after a few calls", async () => {
  await withCluster(3, async (cluster) => {
    await writeExtents(cluster, 0, 30);
    await cluster.kill(idOf(0));
    await readsAll(cluster, 0, 30);
    const before = cluster.callCount(idOf(0));
    await readsAll(cluster, 0, 30);
    // One caller and two nodes try now and then whether it is back.
    assert.ok(cluster.callCount(idOf(0)) - before <= 3);
  });
});

Deno.test("RoutedExtentStore says that an extent is absent with a node away, and does not say so with two", async () => {
  await withCluster(3, async (cluster) => {
    await cluster.kill(idOf(0));
    assert.equal(await cluster.store.stat(extent(9)), undefined);
    const read = cluster.store.read(extent(9), { offset: 0, length: 1 });
    await assert.rejects(read, (error) => hasCode(error, "not-found"));
  });
});

Deno.test("a ring node serves an owner's reads from its own disk", async () => {
  await withCluster(5, async (cluster) => {
    await writeExtents(cluster, 0, 10);
    await cluster.idle();
    const before = Array.from({ length: 5 }, (_, n) => cluster.callCount(idOf(n)));
    await readsAll(cluster, 0, 10);
    const after = Array.from({ length: 5 }, (_, n) => cluster.callCount(idOf(n)));
    assert.equal(after.reduce((sum, count, n) => sum + count - before[n]!, 0), 10);
  });
});

Deno.test("a ring node keeps three copies of what it was given and says that there are too few nodes", async () => {
  await withCluster(5, async (cluster) => {
    await writeExtents(cluster, 0, 20);
    await cluster.store.write(OWNER, [{ id: extent(99), bytes: new Uint8Array(9 * MIB) }]);
    await cluster.idle();
    for (let n = 0; n < 5; n++) await cluster.kill(idOf(n));
    let copyCount = 0;
    for (let n = 0; n < 5; n++) {
      await cluster.restart(idOf(n));
      copyCount += cluster.node(idOf(n)).store.list({ limit: 100 }).length;
    }
    assert.equal(copyCount, 3 * 21);
    assert.deepEqual(cluster.troubles, []);
  });
  await withCluster(2, async (cluster) => {
    await writeExtents(cluster, 0, 3);
    const [trouble] = cluster.troubles;
    assert.equal(trouble?.what, "replication");
    assert.deepEqual(trouble?.data, { kind: "degraded", nodes: 2, replicas: 3 });
  });
});
