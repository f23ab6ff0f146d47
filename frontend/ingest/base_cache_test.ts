import assert from "node:assert/strict";
import { BASE_CACHE_BYTES_MAX, BASE_CACHE_OBJECT_BYTES_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { RepositoryId } from "@gitstratum/core/rpc";
import { BaseCache } from "./base_cache.ts";
import type { BaseObject } from "./ingest_host.ts";
import { IngestBench } from "./testing/ingest_bench.ts";
import { oidOf, packOf, text, tree, whole } from "./testing/pack_maker.ts";

const REPOSITORY = "1".repeat(32) as RepositoryId;
const numbered = (n: number) => n.toString(16).padStart(40, "0") as Oid;

function base(n: number, size = 100): BaseObject {
  const content = { kind: "memory", bytes: new Uint8Array(size).fill(n) } as const;
  return { oid: numbered(n), typeCode: 3, size, depth: 0, content };
}

Deno.test("BaseCache.get() finds what was added, in the repository that it was added for", () => {
  const cache = new BaseCache();
  cache.add(REPOSITORY, base(1));
  assert.deepEqual(cache.get(REPOSITORY, numbered(1)), base(1));
  assert.equal(cache.get(REPOSITORY, numbered(2)), undefined);
  assert.equal(cache.get("2".repeat(32) as RepositoryId, numbered(1)), undefined);
});

Deno.test("BaseCache.add() keeps no large objects, and none that is in a file", () => {
  const cache = new BaseCache();
  cache.add(REPOSITORY, base(1, BASE_CACHE_OBJECT_BYTES_MAX + 1));
  cache.add(REPOSITORY, { ...base(2), content: { kind: "file", name: "bases", offset: 0 } });
  assert.equal(cache.bytes, 0);
});

Deno.test("BaseCache.add() makes room by what was used longest ago", () => {
  const cache = new BaseCache();
  const count = 2 * Math.ceil(BASE_CACHE_BYTES_MAX / BASE_CACHE_OBJECT_BYTES_MAX);
  for (let n = 0; n < count; n++) {
    cache.add(REPOSITORY, base(n, BASE_CACHE_OBJECT_BYTES_MAX));
    cache.add(REPOSITORY, base(n, BASE_CACHE_OBJECT_BYTES_MAX));
    assert.ok(cache.bytes <= BASE_CACHE_BYTES_MAX);
    assert.ok(cache.get(REPOSITORY, numbered(0)), "it is used again and again");
  }
  assert.equal(cache.get(REPOSITORY, numbered(1)), undefined);
  assert.ok(cache.get(REPOSITORY, numbered(count - 1)));
});

Deno.test("PackIngest.ingest() asks once for a blob that each push names and has checked", async () => {
  using bench = new IngestBench();
  const { network } = bench;
  let locateCount = 0;
  const locate = network.locate.bind(network);
  network.locate = (key, request) => (locateCount++, locate(key, request));
  const attributes = text("* text=auto\n");
  const first = await bench.take(packOf([whole("blob", attributes)]));
  await network.commit(first.group!);
  const special = ["100644", ".gitattributes", oidOf("blob", attributes)] as const;
  for (let n = 0; n < 3; n++) {
    const root = tree([special, ["100644", "a", oidOf("blob", text(`${n}`))]]);
    await bench.take(packOf([whole("tree", root)]));
    assert.equal(locateCount, 1);
  }
});
