import assert from "node:assert/strict";
import { hasCode, ManualClock, SeededRandom } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import { emptyTopology, ManualTopology, type NodeId } from "@gitstratum/core/rpc";
import { NodeStamp } from "./node_stamp.ts";
import { type ObjectNodeOptions, openObjectNode } from "./object_node.ts";

const NODE = "object-1" as NodeId;
const OTHER = "object-2" as NodeId;
const CLUSTER = "0123456789abcdef0123456789abcdef";
const OTHER_CLUSTER = "f".repeat(32);

const claim = (disk: MemoryDisk, node = NODE, holdsData = false) =>
  NodeStamp.claim(disk, { node, holdsData });
const isDenied = (error: unknown) => hasCode(error, "denied");

Deno.test("NodeStamp.claim() gives a directory to one node for life", async () => {
  const disk = new MemoryDisk();
  await claim(disk);
  await claim(disk);
  await assert.rejects(() => claim(disk, OTHER), isDenied);
  assert.throws(() => NodeStamp.check(disk, OTHER), isDenied);
});

Deno.test("NodeStamp.join() binds a directory to one cluster for life", async () => {
  const disk = new MemoryDisk();
  await (await claim(disk)).join(CLUSTER);
  const again = await claim(disk);
  await again.join(CLUSTER);
  await assert.rejects(() => again.join(OTHER_CLUSTER), isDenied);
});

Deno.test("NodeStamp remembers whether the node ever had all that it owns", async () => {
  const disk = new MemoryDisk();
  const stamp = await claim(disk);
  assert.equal(stamp.filled, false);
  await stamp.fill();
  assert.equal((await claim(disk)).filled, true);
  assert.equal((await claim(new MemoryDisk(), NODE, true)).filled, true);
});

Deno.test("NodeStamp is there or not, whenever the power goes, and is never replaced by a new one", async () => {
  for (let changes = 0;; changes++) {
    const disk = new MemoryDisk({ changesUntilPowerLoss: changes });
    let acknowledged = false;
    try {
      const stamp = await claim(disk);
      await stamp.join(CLUSTER);
      acknowledged = true;
    } catch {
      // The power went.
    }
    const found = await claim(disk.crash(changes), NODE);
    if (!acknowledged) continue;
    await assert.rejects(() => found.join(OTHER_CLUSTER), isDenied);
    break;
  }
  const disk = new MemoryDisk();
  const file = disk.open("node.json", { write: true, create: true });
  file.writeAt(new TextEncoder().encode("{"), 0);
  file.close();
  await assert.rejects(() => claim(disk), (error) => hasCode(error, "corrupt"));
});

function nodeOptions(disk: MemoryDisk, topology: ManualTopology): ObjectNodeOptions {
  return {
    disk,
    clock: new ManualClock(),
    random: new SeededRandom(1),
    ring: { self: NODE, topology, fetcherFor: () => () => Promise.reject(new Error("No peers")) },
  };
}

Deno.test("openObjectNode() refuses the directory of another node or cluster, and stops when it learns of it", async () => {
  const disk = new MemoryDisk();
  const mine = new ManualTopology({ ...emptyTopology(), cluster: CLUSTER });
  await (await openObjectNode(nodeOptions(disk, mine))).close();
  const other = new ManualTopology({ ...emptyTopology(), cluster: OTHER_CLUSTER });
  await assert.rejects(() => openObjectNode(nodeOptions(disk, other)), isDenied);
  const asOther = nodeOptions(disk, mine);
  const renamed = { ...asOther, ring: { ...asOther.ring!, self: OTHER } };
  await assert.rejects(() => openObjectNode(renamed), isDenied);

  const later = new ManualTopology();
  const failure = Promise.withResolvers<unknown>();
  const node = await openObjectNode({ ...nodeOptions(disk, later), onFailure: failure.resolve });
  later.set({ ...emptyTopology(), cluster: OTHER_CLUSTER });
  assert.ok(isDenied(await failure.promise));
  await node.close();
});
