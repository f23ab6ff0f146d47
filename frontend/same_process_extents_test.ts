import assert from "node:assert/strict";
import { systemClock, systemRandom } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import { ExtentClient, extentId, type GroupId, type NetworkId, packId } from "@gitstratum/core/rpc";
import { testExtentStore } from "@gitstratum/core/rpc/contract-suite";
import { type ObjectNode, openObjectNode } from "@gitstratum/object";
import { SameProcessExtents } from "./same_process_extents.ts";

interface Opened {
  readonly node: ObjectNode;
  readonly store: SameProcessExtents;
  /** Methods of the requests that reached the service. */
  readonly requests: string[];
}

async function open(): Promise<Opened> {
  const node = await openObjectNode({
    disk: new MemoryDisk(),
    clock: systemClock,
    random: systemRandom,
    compactionIntervalMs: 0,
    scrubIntervalMs: 0,
  });
  const requests: string[] = [];
  const service = new ExtentClient((request) => {
    requests.push(request.method);
    return node.service.fetch(request);
  });
  return { node, store: new SameProcessExtents(node.extents, service), requests };
}

testExtentStore("SameProcessExtents", async () => {
  const { node, store } = await open();
  return { store, close: () => node.close() };
});

Deno.test("SameProcessExtents writes and reads without the service, and gives bytes away", async () => {
  const { node, store, requests } = await open();
  try {
    const id = extentId(packId("00000000000000000000000000000abc" as GroupId, "h"), 0);
    await store.write("0123456789abcdef0123456789abcdef" as NetworkId, [{
      id,
      bytes: new Uint8Array(300_000).fill(7),
    }]);
    for (const length of [10, 300_000]) {
      (await store.read(id, { offset: 0, length })).fill(1);
      assert.equal((await store.read(id, { offset: 0, length }))[0], 7);
    }
    assert.deepEqual(requests, []);
    await store.remove([id]);
    assert.deepEqual(requests, ["POST"]);
  } finally {
    await node.close();
  }
});
