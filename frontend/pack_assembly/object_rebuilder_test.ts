import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { deflateSync, inflateSync } from "node:zlib";
import type { Oid } from "@gitstratum/core/git";
import type { Recipe, RecipeRange } from "@gitstratum/core/recipe";
import type { ExtentId, ExtentStore, PackId } from "@gitstratum/core/rpc";
import { encodeEntryHead, parseEntryHead, REF_DELTA } from "@gitstratum/core/pack";
import { REBUILD_MEMORY_BYTES_MAX } from "./object_bytes.ts";
import { ObjectRebuilder } from "./object_rebuilder.ts";

const PACK = `${"b".repeat(32)}c` as PackId;
const OID = "0123456789abcdef0123456789abcdef01234567" as Oid;
const EXTENT_BYTES = 100_000;

function size(value: number): number[] {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** A delta that keeps the first `keep` bytes of its base and appends `tail`. */
function deltaOf(base: Uint8Array, keep: number, tail: Uint8Array): Uint8Array {
  const out = [...size(base.length), ...size(keep + tail.length)];
  for (let done = 0; done < keep;) {
    const length = Math.min(0xffffff, keep - done);
    out.push(0xff, ...[0, 8, 16, 24].map((shift) => (done >>> shift) & 255));
    out.push(...[0, 8, 16].map((shift) => (length >>> shift) & 255));
    done += length;
  }
  for (let done = 0; done < tail.length; done += 127) {
    const part = tail.subarray(done, done + 127);
    out.push(part.length, ...part);
  }
  return new Uint8Array(out);
}

function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    bytes[i] = seed >>> 24;
  }
  return bytes;
}

/** Stores a root and its deltas as entries of one pack. */
function stored(root: Uint8Array, deltas: readonly Uint8Array[]) {
  const entries = [
    Buffer.concat([encodeEntryHead({ typeCode: 3, size: root.length }), deflateSync(root)]),
    ...deltas.map((delta) =>
      Buffer.concat([
        encodeEntryHead({ typeCode: REF_DELTA, size: delta.length, base: OID }),
        deflateSync(delta),
      ])
    ),
  ];
  const chain: RecipeRange[] = [];
  let offset = 0;
  for (const entry of entries) {
    chain.unshift({ pack: 0, offset, length: entry.length });
    offset += entry.length;
  }
  const bytes = new Uint8Array(Buffer.concat(entries));
  const extents = {
    read(id: ExtentId, range: { offset: number; length: number }) {
      const start = Number(id.split(".")[1]) * EXTENT_BYTES + range.offset;
      return Promise.resolve(bytes.slice(start, start + range.length));
    },
  } as unknown as ExtentStore;
  return { extents, chain, bytes };
}

const recipe = {
  header: {
    objectFormat: "sha1",
    objectCount: 1,
    shallow: [],
    unshallow: [],
    packs: [{ pack: PACK, extentBytes: EXTENT_BYTES }],
  },
} as unknown as Recipe;

async function rebuilt(
  pack: { extents: ExtentStore; chain: RecipeRange[] },
  sizeBytes: number,
): Promise<Uint8Array> {
  const scratchDirectory = await Deno.makeTempDir();
  try {
    const rebuilder = new ObjectRebuilder({ extents: pack.extents, scratchDirectory });
    const step = { kind: "materialise", type: "blob", size: sizeBytes, chain: pack.chain } as const;
    const entry = Buffer.concat(await Array.fromAsync(rebuilder.rebuild([step], recipe)));
    const head = parseEntryHead(entry, "sha1");
    assert.equal(head.typeCode, 3);
    assert.equal(head.size, sizeBytes);
    return new Uint8Array(inflateSync(entry.subarray(head.headBytes)));
  } finally {
    assert.deepEqual([...Deno.readDirSync(scratchDirectory)], []);
    await Deno.remove(scratchDirectory);
  }
}

Deno.test("ObjectRebuilder.rebuild() follows a chain of deltas", async () => {
  const root = noise(150_000, 1);
  const first = new Uint8Array([...root.subarray(0, 120_000), ...noise(500, 2)]);
  const second = new Uint8Array([...first.subarray(0, 70_000), ...noise(900, 3)]);
  const deltas = [
    deltaOf(root, 120_000, noise(500, 2)),
    deltaOf(first, 70_000, noise(900, 3)),
  ];
  assert.deepEqual(await rebuilt(stored(root, deltas), second.length), second);
});

Deno.test("ObjectRebuilder.rebuild() rebuilds what does not fit memory through scratch files", async () => {
  const root = noise(REBUILD_MEMORY_BYTES_MAX + 1_000_000, 4);
  const keep = REBUILD_MEMORY_BYTES_MAX + 500_000;
  const pack = stored(root, [deltaOf(root, keep, noise(300, 5))]);
  const object = await rebuilt(pack, keep + 300);
  assert.deepEqual(object.subarray(0, keep), root.subarray(0, keep));
  assert.deepEqual(object.subarray(keep), noise(300, 5));
});

Deno.test("ObjectRebuilder.rebuild() refuses chains that do not fit", async () => {
  const root = noise(1000, 6);
  const good = deltaOf(root, 500, noise(10, 7));
  await assert.rejects(rebuilt(stored(root, [good]), 511), { code: "corrupt" });
  await assert.rejects(rebuilt(stored(noise(999, 6), [good]), 510), { code: "corrupt" });
  const far = new Uint8Array([...size(1000), ...size(10), 0x93, 0xe4, 0x03, 10]);
  await assert.rejects(rebuilt(stored(root, [far]), 10), { code: "corrupt" });
  const cut = good.subarray(0, good.length - 3);
  await assert.rejects(rebuilt(stored(root, [cut]), 510), { code: "corrupt" });
  const rootless = stored(root, [good]);
  await assert.rejects(rebuilt({ ...rootless, chain: rootless.chain.slice(0, 1) }, 510), {
    code: "corrupt",
  });
});

Deno.test("ObjectRebuilder.rebuild() refuses broken zlib streams", async () => {
  const pack = stored(noise(5000, 8), []);
  pack.bytes[100]! ^= 0xff;
  await assert.rejects(rebuilt(pack, 5000), { code: "corrupt" });
});
