import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ManualClock, MEMORY_EXECUTION_BYTES, MEMORY_READER_BYTES, MIB } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import type { Oid } from "@gitstratum/core/git";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import type { FetchRequest } from "@gitstratum/core/protocol";
import type {
  ExtentStore,
  Metadata,
  NegotiateRequest,
  RepositoryId,
  RepositoryInfo,
} from "@gitstratum/core/rpc";
import { MemoryPermits } from "../admission/memory_permits.ts";
import { PackCache } from "../pack_cache/pack_cache.ts";
import { type PackCircumstances, PackSource } from "./pack_source.ts";

const A = "a".repeat(40) as Oid;
const repository = {
  repositoryId: "1".repeat(32) as RepositoryId,
  objectFormat: "sha1",
} as RepositoryInfo;

const REQUEST = {
  wants: [A],
  haves: [],
  clientShallow: [],
  thinPack: false,
  ofsDelta: true,
  includeTag: true,
} as unknown as FetchRequest;

/** Packs of one literal that says how many there were. */
class FakeMetadata {
  planned = 0;
  readonly refused = new Set<Oid>();
  tags = "none";

  negotiate(_: unknown, { wants }: NegotiateRequest) {
    const refused = wants.filter((oid) => this.refused.has(oid));
    return Promise.resolve({ refused, common: [], ready: false });
  }

  tagDigest() {
    return Promise.resolve(this.tags);
  }

  plan() {
    const bytes = new TextEncoder().encode(`pack ${++this.planned}!`);
    const steps = (async function* () {
      yield await Promise.resolve([{ kind: "literal" as const, bytes }]);
    })();
    const header = { objectFormat: "sha1", objectCount: 1, shallow: [], unshallow: [], packs: [] };
    return Promise.resolve({ header, steps });
  }
}

function setUp() {
  const metadata = new FakeMetadata();
  const cache = new PackCache({
    bytesMax: MIB,
    storeFrom: 1,
    ttlMs: 1000,
    disk: new MemoryDisk(),
    clock: new ManualClock(),
    metrics: new PrometheusMetrics(),
    freeBytes: () => 100 * MIB,
    onTrouble: (error) => {
      throw error;
    },
  });
  const metrics = new PrometheusMetrics();
  const permits = new MemoryPermits({ bytesMax: 100 * MIB, clock: new ManualClock(), metrics });
  const source = new PackSource({
    memory: permits,
    metadata: metadata as unknown as Metadata,
    extents: {} as ExtentStore,
    rebuild: () => (async function* () {})(),
    cache,
  });
  const open = (
    request: Partial<FetchRequest> = {},
    circumstances: Partial<PackCircumstances> = {},
    from = repository,
  ) =>
    source.open(from, { ...REQUEST, ...request }, {
      boundary: { shallow: [], unshallow: [] },
      mode: "side-band-64k",
      areWantsChecked: false,
      signal: new AbortController().signal,
      ...circumstances,
    });
  const read = async (...args: Parameters<typeof open>) => {
    const pack = await open(...args);
    const bytes = Buffer.concat(await Array.fromAsync(pack.chunks));
    pack.close();
    // Publishing goes on behind the last byte.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    return /pack (\d+)!/.exec(bytes.toString("latin1"))?.[1];
  };
  return { metadata, permits, open, read };
}

Deno.test("PackSource.open() makes one pack for equal requests", async () => {
  const { metadata, read } = setUp();
  assert.deepEqual([await read(), await read(), await read()], ["1", "1", "1"]);
  assert.equal(metadata.planned, 1);
});

Deno.test("PackSource.open() refuses a want that is not reachable any more, whatever is stored", async () => {
  const { metadata, read } = setUp();
  await read();
  metadata.refused.add(A);
  await assert.rejects(read(), { code: "denied" });
  metadata.refused.clear();
  assert.equal(await read(), "1");
});

Deno.test("PackSource.open() makes another pack when tags that may follow changed", async () => {
  const { metadata, read } = setUp();
  await read();
  metadata.tags = "v1";
  assert.equal(await read(), "2");
  assert.equal(await read({ includeTag: false }), "3");
  metadata.tags = "none";
  assert.equal(await read(), "1");
  assert.equal(await read({ includeTag: false }), "3");
});

Deno.test("PackSource.open() makes another pack for a new repository of the same name", async () => {
  const { read } = setUp();
  await read();
  const renewed = { ...repository, repositoryId: "2".repeat(32) as RepositoryId };
  assert.equal(await read({}, {}, renewed), "2");
});

Deno.test("PackSource.open() shares no bare packs and nothing that its time decides", async () => {
  const { read } = setUp();
  assert.deepEqual(
    [await read({}, { mode: undefined }), await read({}, { mode: undefined })],
    ["1", "2"],
  );
  const depth = { kind: "exclude", sinceS: 1, not: [] } as const;
  assert.deepEqual([await read({ depth }), await read({ depth })], ["3", "4"]);
});

Deno.test("PackSource.open() takes memory for a reader and an execution, and gives all of it back", async () => {
  const { permits, open, read } = setUp();
  const first = await open();
  assert.equal(permits.usedBytes, MEMORY_READER_BYTES + MEMORY_EXECUTION_BYTES);
  const second = await open();
  assert.equal(
    permits.usedBytes,
    2 * MEMORY_READER_BYTES + MEMORY_EXECUTION_BYTES,
    "one execution",
  );
  first.close();
  assert.equal(permits.usedBytes, MEMORY_READER_BYTES + MEMORY_EXECUTION_BYTES, "it goes on");
  await Array.fromAsync(second.chunks);
  assert.equal(permits.usedBytes, 0);
  second.close();
  await read();
  await read({ haves: [A] }, { mode: undefined });
  assert.equal(permits.usedBytes, 0);
});

Deno.test("PackSource.open() holds no memory for a pack that is never iterated, or never made", async () => {
  const { metadata, permits, open } = setUp();
  (await open({}, { mode: undefined })).close();
  (await open()).close();
  metadata.refused.add(A);
  await assert.rejects(open(), { code: "denied" });
  metadata.refused.clear();
  metadata.plan = () => Promise.reject(new Error("no plan"));
  await assert.rejects(open({ thinPack: true }), /no plan/);
  await assert.rejects(open({}, { mode: undefined }), /no plan/);
  assert.equal(permits.usedBytes, 0);
});

Deno.test("PackSource.open() lets fetches pass clones that wait for memory", async () => {
  const { permits, open } = setUp();
  const all = await permits.acquire({ bytes: 100 * MIB, lane: "large" });
  const client = new AbortController();
  const clone = open({}, { signal: client.signal });
  const fetch = await open({ haves: [A] }, { mode: undefined });
  fetch.close();
  client.abort(new Error("gone"));
  await assert.rejects(clone, /gone/);
  all.release();
  assert.equal(permits.usedBytes, 0);
});
