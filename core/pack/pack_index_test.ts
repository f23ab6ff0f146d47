import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { xxh64 } from "@gitstratum/wasm";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import { type ObjectFormat, type Oid, oidBytes, oidToBytes } from "../git/oid.ts";
import { PackIndex } from "./pack_index.ts";
import { externalRow, isExternal, NO_BASE } from "./pack_index_layout.ts";
import { type PackIndexObject, PackIndexWriter } from "./pack_index_writer.ts";

const oid = (digit: string, format: ObjectFormat = "sha1"): Oid =>
  digit.repeat(oidBytes(format) * 2) as Oid;

/** Two commits, two trees, a tag, two blobs (one huge, one a delta), two externals. */
function sampleIndex(format: ObjectFormat = "sha1"): Uint8Array<ArrayBuffer> {
  const of = (digit: string) => oid(digit, format);
  const writer = new PackIndexWriter(format);
  const commit = { tree: of("3"), parents: [of("8"), of("e")], timeS: -5 };
  writer.add({ oid: of("9"), type: "commit", offset: 0, size: 200, commit });
  writer.add({
    oid: of("8"),
    type: "commit",
    offset: 100,
    size: 0xffffffff,
    commit: { tree: of("4"), parents: [], timeS: 2 ** 33 + 7 },
  });
  writer.add({ oid: of("7"), type: "tag", offset: 250, size: 3, tag: { target: of("9") } });
  writer.add({
    oid: of("3"),
    type: "tree",
    offset: 2 ** 32 + 5,
    size: 4,
    links: [of("a"), of("d")],
  });
  writer.add({
    oid: of("4"),
    type: "tree",
    offset: 2 ** 32 + 50,
    size: 5,
    delta: { storage: "offset", base: of("3") },
  });
  writer.add({ oid: of("a"), type: "blob", offset: 0, size: 2 ** 40 });
  writer.add({
    oid: of("b"),
    type: "blob",
    offset: 17,
    size: 9,
    delta: { storage: "reference", base: of("e") },
  });
  return writer.finish({
    historyBytes: 2 ** 32 + 99,
    contentBytes: 40,
    closed: true,
    tips: [of("7"), of("9"), of("7")],
  });
}

for (const format of ["sha1", "sha256"] as const) {
  Deno.test(`PackIndex.open() answers what was written, ${format}`, () => {
    const of = (digit: string) => oid(digit, format);
    const index = PackIndex.open(sampleIndex(format));
    strictEqual(index.format, format);
    strictEqual(index.closed, true);
    deepStrictEqual([index.historyCount, index.contentCount, index.objectCount], [5, 2, 7]);
    deepStrictEqual([index.historyBytes, index.contentBytes], [2 ** 32 + 99, 40]);
    strictEqual(index.find(oidToBytes(of("4"))), 4);
    strictEqual(index.find(oidToBytes(of("5"))), -1);
    strictEqual(index.oidAt(5), of("a"));
    deepStrictEqual(
      [0, 2, 3, 5].map((ordinal) => index.typeAt(ordinal)),
      ["commit", "tag", "tree", "blob"],
    );
    deepStrictEqual([3, 4, 6].map((ordinal) => index.storageAt(ordinal)), [0, 1, 2]);
    strictEqual(index.partAt(4) + index.partAt(5), "hc");
    strictEqual(index.offsetAt(3), 2 ** 32 + 5);
    deepStrictEqual([2, 4, 6].map((at) => index.lengthAt(at)), [2 ** 32 - 245, 49, 23]);
    deepStrictEqual([0, 1, 5].map((at) => index.sizeAt(at)), [200, 0xffffffff, 2 ** 40]);
    deepStrictEqual([index.baseAt(3), index.baseAt(4)], [NO_BASE, 3]);
    const external = externalRow(index.baseAt(6));
    strictEqual(index.externalOid(external), of("e"));
    strictEqual(index.findExternal(oidToBytes(of("e"))), external);
    deepStrictEqual([index.externalIsLink(external), index.externalIsBase(external)], [true, true]);
    deepStrictEqual([index.externalCount, index.externalIsBase(0)], [2, false]);
    deepStrictEqual([index.commitCount, index.commitTimeS(0), index.commitTimeS(1)], [
      2,
      -5,
      2 ** 33 + 7,
    ]);
    strictEqual(index.commitTree(1), 4);
    const parents = [...index.commitParents(0)];
    deepStrictEqual(parents.map(isExternal), [false, true]);
    strictEqual(index.commitParents(1).length, 0);
    deepStrictEqual([index.commitIndexOf(1), index.commitIndexOf(2)], [1, -1]);
    deepStrictEqual([index.tagCount, index.tagOrdinal(0), index.tagTarget(0)], [1, 2, 0]);
    deepStrictEqual([...index.tips], [2, 0]);
  });
}

Deno.test("PackIndex.open() reads the golden file, and the writer still writes it", () => {
  const golden = Deno.readFileSync(new URL("testdata/index_v1.gspi", import.meta.url));
  deepStrictEqual(sampleIndex(), golden);
  strictEqual(PackIndex.open(golden).objectCount, 7);
});

Deno.test("PackIndex.open() takes an index at an odd place of a buffer", () => {
  const bytes = sampleIndex();
  const shifted = new Uint8Array(bytes.length + 3).subarray(3);
  shifted.set(bytes);
  strictEqual(PackIndex.open(shifted).find(oidToBytes(oid("7"))), 2);
});

/** Objects with random ids and links among them; deltas go back to objects of the same kind. */
const objectsArbitrary = fc.record({
  ids: fc.uniqueArray(fc.uint8Array({ minLength: 20, maxLength: 20 }), {
    maxLength: 40,
    selector: (id) => id.toHex(),
  }),
  historyShare: fc.double({ min: 0, max: 1, noNaN: true }),
  sizes: fc.array(fc.nat(2 ** 31 - 1), { minLength: 40, maxLength: 40 }),
  types: fc.array(fc.constantFrom("commit", "tree", "tag"), { minLength: 40, maxLength: 40 }),
});

Deno.test("PackIndex finds every object of a random index and nothing else", () => {
  fc.assert(
    fc.property(objectsArbitrary, ({ ids, historyShare, sizes, types }) => {
      const history = Math.floor(ids.length * historyShare);
      const oids = ids.map((id) => id.toHex() as Oid);
      const objects = oids.map((id, ordinal): PackIndexObject => {
        const type = ordinal < history ? types[ordinal]! : "blob";
        const target = oids[sizes[ordinal]! % oids.length]!;
        return {
          oid: id,
          type,
          offset: (ordinal < history ? ordinal : ordinal - history) * 30,
          size: sizes[ordinal]!,
          ...(type === "commit" && { commit: { tree: target, parents: [id], timeS: ordinal } }),
          ...(type === "tag" && { tag: { target } }),
        };
      });
      const writer = new PackIndexWriter("sha1");
      for (const object of objects) writer.add(object);
      const index = PackIndex.open(writer.finish({
        historyBytes: history * 30,
        contentBytes: (ids.length - history) * 30,
        closed: false,
        tips: [],
      }));
      objects.forEach((object, ordinal) => {
        strictEqual(index.find(oidToBytes(object.oid)), ordinal);
        strictEqual(index.oidAt(ordinal), object.oid);
        strictEqual(index.typeAt(ordinal), object.type);
        strictEqual(index.sizeAt(ordinal), object.size);
        strictEqual(index.lengthAt(ordinal), 30);
      });
      strictEqual(index.find(new Uint8Array(20).fill(0x5a)), -1);
    }),
    { numRuns: 100 },
  );
});

function opens(bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    PackIndex.open(bytes);
    return true;
  } catch (error) {
    if (error instanceof GitStratumError && /^(corrupt|unsupported)$/.test(error.code)) {
      return false;
    }
    throw error;
  }
}

Deno.test("PackIndex.open() refuses every flipped bit and every truncation", () => {
  const bytes = sampleIndex();
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= 1 << at % 8;
    strictEqual(opens(flipped), false, `flip at ${at}`);
    strictEqual(opens(bytes.slice(0, at)), false, `cut at ${at}`);
  }
});

Deno.test("PackIndex.openInSteps() pauses where it is told, and refuses what open() refuses", async () => {
  const bytes = sampleIndex();
  let steps = 0;
  const pause = () => ++steps % 2 === 0 ? Promise.resolve() : undefined;
  const index = await PackIndex.openInSteps(bytes.slice(), pause);
  walk(index);
  strictEqual(steps > 5, true);
  const tampered = bytes.slice();
  // The first ordinal, named twice.
  const ordinals = chunkOffset(tampered, "ORDS");
  tampered.copyWithin(ordinals, ordinals + 4, ordinals + 8);
  reseal(tampered);
  await rejects(PackIndex.openInSteps(tampered, pause), { code: "corrupt" });
});

/** Where a chunk begins. */
function chunkOffset(bytes: Uint8Array<ArrayBuffer>, name: string): number {
  const view = new DataView(bytes.buffer);
  for (let at = 64;; at += 16) {
    const found = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (found === name) return Number(view.getBigUint64(at + 8, true));
  }
}

/** Writes the right checksum, so that the checks behind it are reached. */
function reseal(bytes: Uint8Array<ArrayBuffer>): void {
  const end = bytes.length - 8;
  new DataView(bytes.buffer).setBigUint64(end, xxh64(bytes.subarray(0, end)), true);
}

Deno.test("PackIndex.open() of tampered tables throws or yields an index that can be walked", () => {
  const sample = sampleIndex();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(sample.length - 9), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (edits) => {
        const bytes = sample.slice();
        for (const [at, value] of edits) bytes[at] = value;
        reseal(bytes);
        if (opens(bytes)) walk(PackIndex.open(bytes));
      },
    ),
    { numRuns: 1000 },
  );
});

function walk(index: PackIndex): void {
  for (let ordinal = 0; ordinal < index.objectCount; ordinal++) {
    strictEqual(index.find(oidToBytes(index.oidAt(ordinal))), ordinal);
    strictEqual(index.lengthAt(ordinal) > 0 && index.sizeAt(ordinal) >= 0, true);
  }
  for (let row = 0; row < index.commitCount; row++) {
    strictEqual(index.commitIndexOf(index.commitOrdinal(row)), row);
    for (const parent of index.commitParents(row)) {
      strictEqual(isExternal(parent) || parent < index.objectCount, true);
    }
  }
}

Deno.test("PackIndex.open() names a version from the future", () => {
  const bytes = sampleIndex();
  bytes[4] = 2;
  throws(() => PackIndex.open(bytes), { code: "unsupported", data: { wanted: 1, found: 2 } });
});
