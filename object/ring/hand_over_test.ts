/**
 * Rings that change under load: whole nodes with their services, and the store that routes to them.
 */

import assert from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { idOf, NodeCluster } from "./testing/node_cluster.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;

const extent = (n: number): ExtentId =>
  extentId(packId(n.toString(16).padStart(32, "0") as GroupId, "c"), 0);
const contentOf = (n: number) => new Uint8Array(500 + n % 1000).fill(n % 251 + 1);

function nodeIds(count: number, first = 0): NodeId[] {
  return Array.from({ length: count }, (_, n) => idOf(first + n));
}

/** A cluster whose ring has all of its nodes. */
async function withRing(count: number, run: (cluster: NodeCluster) => Promise<void>) {
  const cluster = await NodeCluster.start(count);
  try {
    cluster.changeRing(nodeIds(count));
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

async function write(cluster: NodeCluster, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    await cluster.store.write(OWNER, [{ id: extent(n), bytes: contentOf(n) }]);
  }
}

async function readsBack(cluster: NodeCluster, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    const bytes = contentOf(n);
    const found = await cluster.store.read(extent(n), { offset: 0, length: bytes.length });
    assert.deepEqual(found, bytes, `extent ${n}`);
  }
}

/** Reads and writes until it is told to stop. */
async function serve(cluster: NodeCluster, first: number, signal: AbortSignal): Promise<number> {
  let next = first;
  while (!signal.aborted) {
    await write(cluster, next, next + 1);
    await readsBack(cluster, (next * 7) % first, (next * 7) % first + 1);
    next++;
    // Everything here ends within one turn of the event loop, which timers need too.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return next;
}

function bytesOn(cluster: NodeCluster, ids: readonly NodeId[]): number {
  return ids.reduce((sum, id) => sum + cluster.node(id).store.stats().keyBytes, 0);
}

Deno.test("a sixth node takes no more than its share, while callers read and write", async () => {
  await withRing(5, async (cluster) => {
    await write(cluster, 0, 300);
    await cluster.idle();
    const total = bytesOn(cluster, nodeIds(5));
    await cluster.add(idOf(5), "joining");
    const serving = new AbortController();
    const served = serve(cluster, 300, serving.signal);
    cluster.changeRing(nodeIds(6));
    await cluster.closeHandOver();
    serving.abort();
    const end = await served;
    await cluster.idle();
    const moved = Array.from({ length: 300 }, (_, n) => n)
      .filter((n) => cluster.node(idOf(5)).store.stat(extent(n)) !== undefined)
      .reduce((sum, n) => sum + contentOf(n).length, 0);
    const part = moved / total;
    assert.ok(part > 0.5 / 6 && part <= 1.2 / 6, `${part} of the bytes moved`);
    await readsBack(cluster, 0, end);
    // Former owners drop what they own no more as soon as they have compared by the closed ring.
    await Promise.all(nodeIds(6).map((id) => cluster.forgotten(id)));
    const copies = nodeIds(6).map((id) => cluster.node(id).store.list({ limit: 9999 }).length);
    assert.equal(copies.reduce((sum, count) => sum + count), 3 * end);
    await readsBack(cluster, 0, end);
  });
});

Deno.test("a drained node can be switched off: all that it had is elsewhere", async () => {
  await withRing(4, async (cluster) => {
    await write(cluster, 0, 100);
    cluster.changeRing(nodeIds(3, 1));
    await cluster.closeHandOver();
    await cluster.kill(idOf(0));
    await cluster.kill(idOf(2));
    await readsBack(cluster, 0, 100);
  });
});

Deno.test("a dead node is replaced: the new one gets its copies from the others", async () => {
  await withRing(3, async (cluster) => {
    await write(cluster, 0, 60);
    await cluster.kill(idOf(1));
    await write(cluster, 60, 70);
    await cluster.add(idOf(3), "joining");
    cluster.changeRing([idOf(0), idOf(2), idOf(3)]);
    await cluster.closeHandOver();
    await readsBack(cluster, 0, 70);
    await cluster.kill(idOf(0));
    await cluster.kill(idOf(2));
    const { store } = cluster.node(idOf(3));
    for (let n = 0; n < 70; n++) assert.ok(store.stat(extent(n)) !== undefined, `extent ${n}`);
  });
});

Deno.test("a new node that dies is taken off the ring again: nothing is lost, and all have their share", async () => {
  await withRing(4, async (cluster) => {
    await write(cluster, 0, 60);
    await cluster.add(idOf(4), "joining");
    cluster.changeRing(nodeIds(5));
    // Some of these count it among their copies, and some are written when it is gone.
    await write(cluster, 60, 80);
    await cluster.kill(idOf(4));
    cluster.setState(idOf(4), "down");
    await write(cluster, 80, 100);
    await readsBack(cluster, 0, 100);
    cluster.takeRingBack();
    await write(cluster, 100, 110);
    await cluster.closeHandOver();
    await Promise.all(nodeIds(4).map((id) => cluster.forgotten(id)));
    const copies = nodeIds(4).map((id) => cluster.node(id).store.list({ limit: 999 }).length);
    assert.equal(copies.reduce((sum, count) => sum + count), 3 * 110);
    await cluster.kill(idOf(1));
    await readsBack(cluster, 0, 110);
  });
});

Deno.test("a coordinator that knows only the old ring can not write past its new owners", async () => {
  await withRing(3, async (cluster) => {
    await write(cluster, 0, 10);
    await cluster.add(idOf(3), "joining");
    cluster.cutOff(idOf(0), true);
    cluster.changeRing([idOf(1), idOf(2), idOf(3)]);
    const { extents } = cluster.node(idOf(0));
    const stale = extents.write(OWNER, [{ id: extent(50), bytes: contentOf(50) }]);
    await assert.rejects(stale, (error) => hasCode(error, "unavailable"));
    await write(cluster, 10, 20);
    // The node that is cut off does not list, and one of three may be away.
    await cluster.closeHandOver();
    await cluster.kill(idOf(0));
    await readsBack(cluster, 0, 20);
  });
});
