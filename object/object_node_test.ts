import { deepEqual, equal } from "node:assert/strict";
import { ManualClock, SeededRandom } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import { type ObjectNode, openObjectNode, type Trouble } from "./object_node.ts";

const MINUTE_MS = 60_000;

interface World {
  readonly node: ObjectNode;
  readonly clock: ManualClock;
  readonly disk: MemoryDisk;
  readonly troubles: Trouble[];
}

async function withNode(run: (world: World) => Promise<void>): Promise<void> {
  const clock = new ManualClock();
  const disk = new MemoryDisk();
  const troubles: Trouble[] = [];
  const node = await openObjectNode({
    disk,
    clock,
    random: new SeededRandom(1),
    segmentBytes: 50_000,
    compactionIntervalMs: MINUTE_MS,
    scrubIntervalMs: 60 * MINUTE_MS,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  try {
    await run({ node, clock, disk, troubles });
  } finally {
    await node.close();
  }
}

const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);

Deno.test("openObjectNode() gives space back in the background", async () => {
  await withNode(async ({ node: { store }, clock, disk }) => {
    for (const key of keys) {
      await store.put([{ key, owner: "o", bytes: new Uint8Array(1000) }]);
    }
    await store.remove(keys.slice(10));
    const before = disk.bytes;
    for (let minute = 0; minute < 5; minute++) await clock.advance(MINUTE_MS);
    equal(disk.bytes < before / 2, true);
    deepEqual(store.list({ limit: 1000 }).length, 10);
  });
});

Deno.test("openObjectNode() scrubs in the background and tells of damage", async () => {
  await withNode(async ({ node: { store }, clock, disk, troubles }) => {
    for (const key of keys) {
      await store.put([{ key, owner: "o", bytes: new Uint8Array(1000) }]);
    }
    const file = disk.open("segments/0000000001.seg", { write: true });
    file.writeAt(new Uint8Array([1]), 600);
    file.close();
    await clock.advance(61 * MINUTE_MS);
    await clock.advance(MINUTE_MS);
    deepEqual(troubles, [{ what: "damage", data: { key: "key-0" } }]);
  });
});

Deno.test("openObjectNode() ends its upkeep when it is closed", async () => {
  let open: ManualClock | undefined;
  await withNode(async ({ clock }) => {
    open = clock;
    equal(clock.sleeping, 2);
    await clock.advance(1);
  });
  equal(open?.sleeping, 0);
});
