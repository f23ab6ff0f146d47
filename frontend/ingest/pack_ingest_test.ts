import assert from "node:assert/strict";
import { INGEST_INLINE_BYTES_MAX } from "@gitstratum/core";
import type { PackIndex } from "@gitstratum/core/pack";
import { fastImportHistory, GitSource } from "./testing/git_source.ts";
import { IngestBench } from "./testing/ingest_bench.ts";

async function idsOf(source: GitSource, revisions: readonly string[]): Promise<string[]> {
  const list = await source.text(["rev-list", "--objects", "--no-object-names", ...revisions]);
  return list.split("\n").sort();
}

function idsIn(index: PackIndex): string[] {
  return Array.from({ length: index.objectCount }, (_, ordinal) => index.oidAt(ordinal)).sort();
}

for (const format of ["sha1", "sha256"] as const) {
  Deno.test(`PackIngest.ingest() stores a history that git accepts, ${format}`, async () => {
    await using source = await GitSource.create(format);
    await source.run(["fast-import", "--quiet"], fastImportHistory(60));
    await source.run(["repack", "-adfq", "--depth=50"]);
    const tips = [await source.text(["rev-parse", "main"]), await source.text(["rev-parse", "v1"])];
    using bench = new IngestBench(format);
    const result = await bench.take(await source.packAll(), tips);
    assert.ok(result.group !== undefined && result.deltaCount > 50);
    assert.equal(result.externalLinks.length, 0);
    const index = await bench.network.commit(result.group);
    assert.equal(index.closed, true);
    assert.deepEqual(idsIn(index), await idsOf(source, ["--all"]));
    assert.equal(index.commitCount, 60);
    assert.equal(index.tagCount, 1);
    await using copy = await GitSource.create(format);
    const pack = await bench.network.reassemble(result.group);
    await copy.run(["index-pack", "--strict", "--stdin"], pack);
    await copy.run(["update-ref", "refs/heads/main", tips[0]!]);
    assert.equal(
      await copy.text(["rev-list", "--objects", "main"]).then((text) => text.length > 0),
      true,
    );
    await copy.run(["fsck", "--full", "--strict"]);
    assert.deepEqual(bench.leftovers(), []);
  });
}

Deno.test("PackIngest.ingest() knows commits, parents, times and tags", async () => {
  await using source = await GitSource.create();
  await source.run(["fast-import", "--quiet"], fastImportHistory(20));
  using bench = new IngestBench();
  const { group } = await bench.take(await source.packAll());
  const index = await bench.network.commit(group!);
  assert.equal(index.closed, false);
  const log = await source.text(["log", "--format=%H %T %ct %P", "main"]);
  for (const line of log.split("\n")) {
    const [oid, tree, time, ...parents] = line.split(" ");
    const ordinal = index.find(Uint8Array.fromHex(oid!));
    const commit = index.commitIndexOf(ordinal);
    assert.equal(index.oidAt(index.commitTree(commit)), tree);
    assert.equal(index.commitTimeS(commit), Number(time));
    assert.deepEqual(Array.from(index.commitParents(commit), (at) => index.oidAt(at)), parents);
  }
  const tag = index.find(Uint8Array.fromHex(await source.text(["rev-parse", "v1"])));
  assert.equal(index.tagOrdinal(0), tag);
  assert.equal(index.oidAt(index.tagTarget(0)), await source.text(["rev-parse", "main"]));
});

Deno.test("PackIngest.ingest() keeps thin deltas against objects of the network", async () => {
  await using source = await GitSource.create();
  await source.run(["fast-import", "--quiet"], fastImportHistory(30, { lines: 400 }));
  using bench = new IngestBench();
  const first = await bench.take(await source.pack(["main~1"]));
  await bench.network.commit(first.group!);
  const thin = await source.pack(["main", "^main~1"], ["--thin"]);
  const result = await bench.take(thin, [await source.text(["rev-parse", "main"])]);
  assert.ok(result.baseCount > 0);
  const index = await bench.network.commit(result.group!);
  assert.deepEqual(idsIn(index), await idsOf(source, ["main", "^main~1"]));
  assert.equal(index.closed, true);
  assert.ok(index.externalCount > 0 && result.externalLinks.length > 0);
  await using copy = await GitSource.create();
  await copy.run(["index-pack", "--stdin"], await source.pack(["main~1"]));
  const pack = await bench.network.reassemble(result.group!);
  await copy.run(["index-pack", "--strict", "--stdin", "--fix-thin"], pack);
});

Deno.test("PackIngest.ingest() refuses a thin delta against what only the network has", async () => {
  await using source = await GitSource.create();
  await source.run(["fast-import", "--quiet"], fastImportHistory(30, { lines: 400 }));
  using bench = new IngestBench();
  const first = await bench.take(await source.pack(["main~1"]));
  for (const oid of idsIn(await bench.network.commit(first.group!))) {
    bench.network.hidden.add(oid as never);
  }
  const before = bench.network.extents.count;
  const thin = await source.pack(["main", "^main~1"], ["--thin"]);
  await assert.rejects(bench.take(thin), {
    code: "invalid",
    message: "Reject a pack that lacks the base of a delta",
  });
  assert.equal(bench.network.extents.count, before);
});

Deno.test("PackIngest.ingest() hands large packs to a worker", async () => {
  await using source = await GitSource.create();
  await source.run(["fast-import", "--quiet"], fastImportHistory(40));
  const noise = new Uint8Array(2 * INGEST_INLINE_BYTES_MAX);
  for (let at = 0; at < noise.length; at += 65536) {
    crypto.getRandomValues(noise.subarray(at, at + 65536));
  }
  const blob = await source.writeObject("blob", noise);
  await source.run(["tag", "noise", blob]);
  using bench = new IngestBench();
  const lines: string[] = [];
  const result = await bench.take(await source.packAll(), [], {
    progress: (text) => lines.push(text),
  });
  const index = await bench.network.commit(result.group!);
  assert.deepEqual(idsIn(index), await idsOf(source, ["--all"]));
  assert.ok(lines.some((line) => /^Unpacking objects: 100% .*done\.\n$/.test(line)));
  await using copy = await GitSource.create();
  await copy.run(
    ["index-pack", "--strict", "--stdin"],
    await bench.network.reassemble(result.group!),
  );
  assert.deepEqual(bench.leftovers(), []);
});

Deno.test("PackIngest.ingest() of an empty pack stores nothing", async () => {
  await using source = await GitSource.create();
  using bench = new IngestBench();
  const result = await bench.take(await source.run(["pack-objects", "-q", "--stdout"]));
  assert.equal(result.group, undefined);
  assert.equal(bench.network.extents.count, 0);
});

Deno.test("PackIngest.ingest() of what the network has already stores a second copy", async () => {
  await using source = await GitSource.create();
  await source.run(["fast-import", "--quiet"], fastImportHistory(10));
  using bench = new IngestBench();
  const pack = await source.packAll();
  const first = await bench.take(pack);
  await bench.network.commit(first.group!);
  const second = await bench.take(pack);
  assert.equal(second.group!.historyCount, first.group!.historyCount);
});
