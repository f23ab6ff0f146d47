import { deepEqual, equal, rejects } from "node:assert/strict";
import { EXTENT_BYTES_MAX, hasCode, ManualClock, SeededRandom } from "@gitstratum/core";
import { FileDisk, MemoryDisk } from "@gitstratum/core/disk";
import {
  checksumText,
  decodeExtentBatch,
  encodeExtentBatch,
  ExtentClient,
  type ExtentId,
  type NetworkId,
} from "@gitstratum/core/rpc";
import { testExtentStore } from "@gitstratum/core/rpc/contract-suite";
import { type ObjectNode, openObjectNode } from "./object_node.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const ID = "00000000000000000000000000000abch.0" as ExtentId;

function openNode(disk: MemoryDisk | FileDisk): Promise<ObjectNode> {
  return openObjectNode({ disk, clock: new ManualClock(5000), random: new SeededRandom(1) });
}

testExtentStore("ExtentClient in one process", async () => {
  const node = await openNode(new MemoryDisk());
  const store = new ExtentClient((request) => node.service.fetch(request));
  return { store, close: () => node.close() };
});

testExtentStore("ExtentClient over a network and a real disk", async () => {
  const root = await Deno.makeTempDir({ prefix: "gitstratum-object-" });
  const node = await openNode(new FileDisk(root));
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => node.service.fetch(request),
  );
  const store = new ExtentClient(fetch, { baseUrl: `http://127.0.0.1:${server.addr.port}` });
  return {
    store,
    async close() {
      await server.shutdown();
      await node.close();
      await Deno.remove(root, { recursive: true });
    },
  };
});

async function withNode(run: (node: ObjectNode) => Promise<void>): Promise<void> {
  const node = await openNode(new MemoryDisk());
  try {
    await run(node);
  } finally {
    await node.close();
  }
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json()).code;
}

function put(path: string, body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request(`http://host/object/v1/extents${path}`, {
    method: "PUT",
    headers: { "x-gitstratum-owner": OWNER, ...headers },
    body,
  });
}

Deno.test("ExtentService refuses a body that its checksum does not fit, and stores nothing", async () => {
  await withNode(async ({ service, store }) => {
    const headers = { "x-gitstratum-xxh64": "0123456789abcdef" };
    equal(await codeOf(await service.fetch(put(`/${ID}`, "abc", headers))), "corrupt");
    equal(await codeOf(await service.fetch(put(`/${ID}`, "abc"))), "invalid");
    equal(store.stats().keyCount, 0);
  });
});

Deno.test("ExtentService refuses a body above the limit, declared or not", async () => {
  await withNode(async ({ service, store }) => {
    const declared = put(`/${ID}`, "abc", { "content-length": `${EXTENT_BYTES_MAX + 1}` });
    equal(await codeOf(await service.fetch(declared)), "exhausted");
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
    });
    equal(await codeOf(await service.fetch(put(`/${ID}`, endless))), "exhausted");
    equal(store.stats().keyCount, 0);
  });
});

Deno.test("ExtentService refuses a body that is shorter than it says", async () => {
  await withNode(async ({ service }) => {
    const short = put(`/${ID}`, "abc", { "content-length": "4" });
    equal(await codeOf(await service.fetch(short)), "aborted");
  });
});

Deno.test("ExtentService refuses bad ids, owners, ranges, limits and paths", async () => {
  await withNode(async ({ service }) => {
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const url = `http://host/object/v1/${path}`;
      return await codeOf(await service.fetch(new Request(url, { headers })));
    };
    equal(await get("extents/..%2f..%2fetc"), "invalid");
    equal(await get(`extents/${ID}`), "not-found");
    for (const range of ["bytes=5-", "bytes=-5", "bytes=5-4", "bytes=0-1,3-4", "lines=1-2"]) {
      equal(await get(`extents/${ID}`, { range }), "invalid");
    }
    for (const limit of ["0", "-1", "1.5", "x", "100000"]) {
      equal(await get(`extents?limit=${limit}`), "invalid");
    }
    equal(await get("nothing"), "unsupported");
    const noOwner = put(`/${ID}`, "", { "x-gitstratum-xxh64": "ef46db3751d8e999" });
    noOwner.headers.delete("x-gitstratum-owner");
    equal(await codeOf(await service.fetch(noOwner)), "invalid");
  });
});

Deno.test("ExtentService stores the whole of a batch or answers what is wrong with it", async () => {
  await withNode(async ({ service, store }) => {
    const ids = [0, 1, 2].map((index) => `00000000000000000000000000000abch.${index}` as ExtentId);
    const extents = ids.map((id, index) => ({ id, bytes: new Uint8Array(50).fill(index) }));
    const intact = encodeExtentBatch(extents);
    const random = new SeededRandom(7);
    for (let round = 0; round < 2000; round++) {
      const bytes = Uint8Array.from(intact).subarray(0, intact.length - random.below(3) * 5);
      for (let flips = random.below(3); flips > 0; flips--) {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      }
      const headers = { "x-gitstratum-owner": OWNER, "x-gitstratum-xxh64": checksumText(bytes) };
      const request = new Request("http://host/object/v1/extents", {
        method: "POST",
        headers,
        body: bytes,
      });
      const response = await service.fetch(request);
      if (!response.ok) {
        equal(["invalid", "conflict"].includes(await codeOf(response)), true);
        continue;
      }
      for (const extent of decodeExtentBatch(bytes)) {
        deepEqual(store.read(extent.id), Uint8Array.from(extent.bytes));
      }
    }
  });
});

Deno.test("ExtentService refuses a batch that its checksum does not fit", async () => {
  await withNode(async ({ service, store }) => {
    const client = new ExtentClient(async (request) => {
      const bytes = await request.bytes();
      bytes[20]! ^= 1;
      return await service.fetch(
        new Request(request.url, { method: "POST", headers: request.headers, body: bytes }),
      );
    });
    const extents = [0, 1].map((index) => ({
      id: `00000000000000000000000000000abch.${index}` as ExtentId,
      bytes: new Uint8Array(9),
    }));
    await rejects(() => client.write(OWNER, extents), (error) => hasCode(error, "corrupt"));
    equal(store.stats().keyCount, 0);
  });
});

Deno.test("ExtentClient refuses what was changed on its way back", async () => {
  await withNode(async ({ service }) => {
    const client = new ExtentClient(async (request) => {
      const response = await service.fetch(request);
      if (request.method !== "GET") return response;
      const bytes = await response.bytes();
      bytes[0]! ^= 1;
      return new Response(bytes, response);
    });
    await client.write(OWNER, [{ id: ID, bytes: new Uint8Array(10) }]);
    await rejects(
      () => client.read(ID, { offset: 0, length: 10 }),
      (error) => hasCode(error, "corrupt"),
    );
  });
});

Deno.test("ExtentService tells figures, scrubs and compacts", async () => {
  await withNode(async ({ service }) => {
    const call = async (path: string, body?: unknown) => {
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      return await (await service.fetch(new Request(`http://host/object/v1/${path}`, init))).json();
    };
    const client = new ExtentClient((request) => service.fetch(request));
    await client.write(OWNER, [{ id: ID, bytes: new Uint8Array(1000) }]);
    const stats = await call("stats");
    deepEqual([stats.keyCount, stats.keyBytes, stats.failed], [1, 1000, false]);
    const scrub = await call("scrub", {});
    deepEqual([scrub.keyCount, scrub.corruptKeyCount, scrub.complete], [1, 0, true]);
    equal((await call("compact", { deadPart: 0.5 })).segmentCount, 0);
    equal((await call("compact", { deadPart: 0 })).code, "invalid");
  });
});
