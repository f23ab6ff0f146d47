import assert from "node:assert/strict";
import { GitStratumError, OBJECT_BYTES_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { encodePackHeader } from "@gitstratum/core/pack";
import { fastImportHistory, GitSource } from "./testing/git_source.ts";
import { IngestBench } from "./testing/ingest_bench.ts";
import {
  appendDelta,
  commit,
  copyOf,
  delta,
  deltaSize,
  entry,
  joined,
  oidOf,
  packOf,
  sealed,
  text,
  tree,
  whole,
} from "./testing/pack_maker.ts";

const BLOB = text("hello\n");
const MISSING = "1".repeat(40) as Oid;
const OTHER = "2".repeat(40) as Oid;

/** A delta with right sizes for {@link BLOB} and the given instructions. */
function instructions(resultSize: number, ...parts: readonly (readonly number[])[]) {
  return joined(deltaSize(BLOB.length), deltaSize(resultSize), ...parts);
}

/** A pack of {@link BLOB} and an offset delta against it. */
function withDelta(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const base = whole("blob", BLOB);
  return packOf([base, delta(base.length, bytes)]);
}

const good = packOf([whole("blob", BLOB)]);
const flippedStream = (() => {
  const bytes = good.slice(0, -20);
  bytes[bytes.length - 1]! ^= 1;
  return sealed(bytes);
})();

const CASES: Readonly<Record<string, readonly [pack: Uint8Array<ArrayBuffer>, message: string]>> = {
  "nothing at all": [new Uint8Array(), "Reject a truncated pack"],
  "a cut header": [good.slice(0, 11), "Reject a truncated pack"],
  "a cut entry": [good.slice(0, 15), "Reject a truncated pack"],
  "a cut trailer": [good.slice(0, -1), "Reject a truncated pack"],
  "another signature": [
    joined(text("PICK"), good.slice(4)),
    "Reject a pack with the wrong signature",
  ],
  "another version": [
    sealed(joined(text("PACK"), [0, 0, 0, 9], [0, 0, 0, 0])),
    "Reject a pack with the wrong version",
  ],
  "too many objects": [sealed(encodePackHeader(0xffffffff)), "Reject a pack with too many objects"],
  "fewer entries than announced": [packOf([whole("blob", BLOB)], { count: 2 }), "*"],
  "more entries than announced": [
    packOf([whole("blob", BLOB), whole("blob", text("x"))], { count: 1 }),
    "Reject a pack with the wrong trailer",
  ],
  "a wrong trailer": [good.with(-1, good.at(-1)! ^ 1), "Reject a pack with the wrong trailer"],
  "garbage behind": [joined(good, [0]), "Reject garbage behind a pack"],
  "a reserved type": [
    packOf([entry({ typeCode: 5, size: BLOB.length }, BLOB)]),
    "Reject a pack with a malformed entry",
  ],
  "an endless size": [
    sealed(joined(encodePackHeader(1), Array(40).fill(0xff))),
    "Reject a pack with a malformed entry",
  ],
  "an absurd size": [
    packOf([entry({ typeCode: 3, size: OBJECT_BYTES_MAX + 1 }, BLOB)]),
    "Reject a pack with an object above the size limit",
  ],
  "an absurd result": [
    withDelta(instructions(OBJECT_BYTES_MAX + 1, copyOf(0, 6))),
    "Reject a pack with an object above the size limit",
  ],
  "an entry larger than it says": [
    packOf([entry({ typeCode: 3, size: BLOB.length - 1 }, BLOB)]),
    "Reject an entry that inflates to more than it says",
  ],
  "an entry much larger than it says": [
    packOf([entry({ typeCode: 3, size: 1 }, new Uint8Array(100_000))]),
    "Reject an entry that inflates to more than it says",
  ],
  "an entry smaller than it says": [
    packOf([entry({ typeCode: 3, size: BLOB.length + 1 }, BLOB)]),
    "Reject an entry that inflates to less than it says",
  ],
  "a corrupt zlib stream": [flippedStream, "Reject a pack with a corrupt zlib stream"],
  "a delta base that is missing": [
    packOf([delta(MISSING, appendDelta(6, text("x")))]),
    "Reject a pack that lacks the base of a delta",
  ],
  "a delta cycle": [
    packOf([
      delta(MISSING, appendDelta(6, text("x"))),
      delta(OTHER, appendDelta(6, text("y"))),
    ]),
    "Reject a pack that lacks the base of a delta",
  ],
  "a delta base before the pack": [
    packOf([delta(1000, appendDelta(6, text("x")))]),
    "Reject a delta whose base is no entry of the pack",
  ],
  "a delta base inside an entry": [
    packOf([whole("blob", BLOB), delta(3, appendDelta(6, text("x")))]),
    "Reject a delta whose base is no entry of the pack",
  ],
  "a delta that is its own base": [
    sealed(joined(encodePackHeader(1), [0x61, 0x00], whole("blob", text("x")).slice(1))),
    "Reject a delta whose base is no entry of the pack",
  ],
  "a delta for a base of another size": [
    withDelta(joined(deltaSize(7), deltaSize(1), [1, 65])),
    "Reject a pack with a bad delta",
  ],
  "a delta that reads out of its base": [
    withDelta(instructions(6, copyOf(1, 6))),
    "Reject a pack with a bad delta",
  ],
  "a delta that writes out of its result": [
    withDelta(instructions(2, copyOf(0, 6))),
    "Reject a pack with a bad delta",
  ],
  "a delta that makes too little": [
    withDelta(instructions(7, copyOf(0, 6))),
    "Reject a pack with a bad delta",
  ],
  "a delta that is cut off": [
    withDelta(instructions(6, [0x81])),
    "Reject a pack with a bad delta",
  ],
  "an empty delta": [withDelta(new Uint8Array()), "Reject a pack with a bad delta"],
  "a reserved instruction": [
    withDelta(instructions(6, [0], copyOf(0, 6))),
    "Reject a pack with a bad delta",
  ],
  "a commit that is none": [
    packOf([whole("commit", BLOB)]),
    "Reject an object that fails its check",
  ],
  "a tree that is none": [packOf([whole("tree", BLOB)]), "Reject an object that fails its check"],
  "a tag that is none": [packOf([whole("tag", BLOB)]), "Reject an object that fails its check"],
  "a tree with .git inside": [
    packOf([whole("tree", tree([["100644", ".git", MISSING]]))]),
    "Reject an object that fails its check",
  ],
  "a link to an object of another type": [
    packOf([whole("blob", BLOB), whole("commit", commit(oidOf("blob", BLOB)))]),
    "Reject a link to an object of another type",
  ],
  "two links that expect different types": [
    packOf([whole("tree", tree([["100644", "a", MISSING], ["40000", "b", MISSING]]))]),
    "Reject a link to an object of another type",
  ],
  "a dangerous .gitmodules before its tree": [
    (() => {
      const modules = text('[submodule "../x"]\n\turl = u\n\tpath = p\n');
      const root = tree([["100644", ".gitmodules", oidOf("blob", modules)]]);
      return packOf([whole("blob", modules), whole("tree", root)]);
    })(),
    "Reject an object that fails its check",
  ],
};

for (const [name, [pack, message]] of Object.entries(CASES)) {
  Deno.test(`PackIngest.ingest() refuses ${name}`, async () => {
    using bench = new IngestBench();
    await assert.rejects(
      bench.take(pack),
      (error) =>
        error instanceof GitStratumError && error.code === "invalid" &&
        (message === "*" || error.message === message || assert.fail(error.describe())),
    );
    assert.equal(bench.network.extents.count, 0);
    assert.deepEqual(bench.leftovers(), []);
  });
}

Deno.test("PackIngest.ingest() refuses another object under a known id", async () => {
  using bench = new IngestBench();
  const stored = await bench.take(good);
  await bench.network.commit(stored.group!);
  // As if the network's copy had collided: it answers with another object's bytes.
  const other = await bench.take(packOf([whole("blob", text("other\n"))]));
  const index = await bench.network.commit(other.group!);
  bench.network.alias(oidOf("blob", BLOB), index.oidAt(0));
  const before = bench.network.extents.count;
  await assert.rejects(bench.take(good), { code: "invalid", message: "Reject a hash collision" });
  assert.equal(bench.network.extents.count, before);
});

Deno.test("PackIngest.ingest() of damaged packs is invalid or stores what git takes", async () => {
  await using source = await GitSource.create();
  await source.run(["fast-import", "--quiet"], fastImportHistory(6, { lines: 20 }));
  const pack = await source.packAll();
  using bench = new IngestBench();
  let seed = 42;
  const next = (below: number) => (seed = Math.imul(seed, 1664525) + 1013904223 >>> 0) % below;
  for (let run = 0; run < 400; run++) {
    const bytes = pack.slice(0, -20);
    for (let flip = 0; flip <= next(3); flip++) bytes[next(bytes.length)]! ^= 1 << next(8);
    const cut = next(4) === 0 ? next(bytes.length) : bytes.length;
    try {
      const { group } = await bench.take(sealed(bytes.subarray(0, cut)));
      await bench.network.commit(group!);
    } catch (error) {
      assert.ok(error instanceof GitStratumError && error.code === "invalid", String(error));
    }
  }
  assert.deepEqual(bench.leftovers(), []);
});
