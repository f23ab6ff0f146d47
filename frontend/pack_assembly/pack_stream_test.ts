import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { GitStratumError } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { Recipe, RecipeStep } from "@gitstratum/core/recipe";
import type { ExtentId, ExtentStore, PackId } from "@gitstratum/core/rpc";
import { encodeEntryHead, OFS_DELTA, REF_DELTA } from "@gitstratum/core/pack";
import { READ_BYTES_MAX } from "./extent_read.ts";
import { packStream } from "./pack_stream.ts";
import { readUnits } from "./read_unit.ts";

const OID = "0123456789abcdef0123456789abcdef01234567" as Oid;
const PACK = `${"a".repeat(32)}h` as PackId;

/** Reads of one pack held in memory, cut into extents. */
class FakeExtents implements Pick<ExtentStore, "read"> {
  reads = 0;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly extentBytes: number;

  constructor(bytes: Uint8Array<ArrayBuffer>, extentBytes: number) {
    this.bytes = bytes;
    this.extentBytes = extentBytes;
  }

  read(id: ExtentId, range: { offset: number; length: number }) {
    this.reads++;
    const start = Number(id.split(".")[1]) * this.extentBytes + range.offset;
    assert.ok(range.offset + range.length <= this.extentBytes);
    return Promise.resolve(this.bytes.slice(start, start + range.length));
  }
}

function patternBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7) & 0xff;
  return bytes;
}

function recipeOf(steps: readonly RecipeStep[], extentBytes: number): Recipe {
  return {
    header: {
      objectFormat: "sha1",
      objectCount: 3,
      shallow: [],
      unshallow: [],
      packs: [{ pack: PACK, extentBytes }],
    },
    steps: (async function* () {
      for (const step of steps) yield await Promise.resolve([step]);
    })(),
  };
}

async function execute(recipe: Recipe, extents: FakeExtents): Promise<Uint8Array> {
  const chunks = await Array.fromAsync(packStream(recipe, {
    extents: extents as unknown as ExtentStore,
    // deno-lint-ignore require-yield
    rebuild: async function* () {
      throw await Promise.resolve(new GitStratumError("unsupported", "Rebuild nothing here"));
    },
  }));
  return new Uint8Array(Buffer.concat(chunks));
}

function expectPack(bytes: Uint8Array, body: Uint8Array): void {
  assert.deepEqual([...bytes.subarray(0, 12)], [80, 65, 67, 75, 0, 0, 0, 2, 0, 0, 0, 3]);
  assert.deepEqual(bytes.subarray(12, -20), body);
  const hash = createHash("sha1").update(bytes.subarray(0, -20)).digest();
  assert.deepEqual(bytes.subarray(-20), new Uint8Array(hash));
}

Deno.test("packStream() relays a run over many extents", async () => {
  const extents = new FakeExtents(patternBytes(5_000_000), 2_000_000);
  const steps: RecipeStep[] = [{ kind: "range", pack: 0, offset: 7, length: 4_999_000 }];
  const pack = await execute(recipeOf(steps, 2_000_000), extents);
  expectPack(pack, extents.bytes.subarray(7, 4_999_007));
});

Deno.test("packStream() joins neighbouring small ranges and literals into few reads", async () => {
  const extents = new FakeExtents(patternBytes(400_000), 1_000_000);
  const steps: RecipeStep[] = [];
  const body: Uint8Array[] = [];
  for (let offset = 0; offset + 40 < 400_000; offset += 100) {
    const literal = new Uint8Array([offset & 0xff, 1, 2]);
    steps.push({ kind: "literal", bytes: literal });
    steps.push({ kind: "range", pack: 0, offset, length: 40 });
    body.push(literal, extents.bytes.subarray(offset, offset + 40));
  }
  const pack = await execute(recipeOf(steps, 1_000_000), extents);
  expectPack(pack, new Uint8Array(Buffer.concat(body)));
  assert.ok(extents.reads <= 3, `${extents.reads} reads`);
});

Deno.test("packStream() follows any order of random ranges", async () => {
  let seed = 12345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 30; round++) {
    const extentBytes = 1000 + random(300_000);
    const extents = new FakeExtents(patternBytes(500_000), extentBytes);
    const steps: RecipeStep[] = [];
    const body: Uint8Array[] = [];
    for (let i = 0; i < 50; i++) {
      const offset = random(499_000);
      const length = 1 + random(random(2) === 0 ? 100 : 500_000 - offset);
      steps.push({ kind: "range", pack: 0, offset, length });
      body.push(extents.bytes.subarray(offset, offset + length));
    }
    expectPack(
      await execute(recipeOf(steps, extentBytes), extents),
      new Uint8Array(Buffer.concat(body)),
    );
  }
});

Deno.test("packStream() rebases delta entries, also across the ends of extents", async () => {
  const entry = new Uint8Array([
    ...encodeEntryHead({ typeCode: OFS_DELTA, size: 5000, base: 70_000 }),
    ...patternBytes(90),
  ]);
  const rebased = new Uint8Array([
    ...encodeEntryHead({ typeCode: REF_DELTA, size: 5000, base: OID }),
    ...patternBytes(90),
  ]);
  for (let extentBytes = 60; extentBytes < 300; extentBytes++) {
    const before = patternBytes(50);
    const bytes = new Uint8Array([...before, ...entry, ...before]);
    const extents = new FakeExtents(bytes, extentBytes);
    const steps: RecipeStep[] = [
      { kind: "range", pack: 0, offset: 0, length: 50 },
      { kind: "rebase", pack: 0, offset: 50, length: entry.length, base: OID },
      { kind: "range", pack: 0, offset: 50 + entry.length, length: 50 },
    ];
    const pack = await execute(recipeOf(steps, extentBytes), extents);
    expectPack(pack, new Uint8Array([...before, ...rebased, ...before]));
  }
});

Deno.test("packStream() fails when an extent is shorter than the recipe says", async () => {
  const extents = new FakeExtents(patternBytes(1000), 1_000_000);
  const steps: RecipeStep[] = [{ kind: "range", pack: 0, offset: 900, length: 200 }];
  await assert.rejects(execute(recipeOf(steps, 1_000_000), extents), { code: "corrupt" });
});

Deno.test("packStream() ends in an error, not in a trailer, when the recipe breaks off", async () => {
  const extents = new FakeExtents(patternBytes(1000), 1_000_000);
  const recipe = recipeOf([], 1_000_000);
  const broken: Recipe = {
    ...recipe,
    steps: (async function* () {
      yield await Promise.resolve([{ kind: "range", pack: 0, offset: 0, length: 10 } as const]);
      throw new GitStratumError("aborted", "Lose the recipe stream");
    })(),
  };
  await assert.rejects(execute(broken, extents), { code: "aborted" });
});

Deno.test("readUnits() never reads more than its bound at once", async () => {
  const steps: RecipeStep[] = [{ kind: "range", pack: 0, offset: 123, length: 20_000_000 }];
  const recipe = recipeOf(steps, 8_388_608);
  for await (const unit of readUnits(recipe.header.packs, recipe.steps)) {
    assert.ok(unit.kind === "pieces" && unit.read!.length <= READ_BYTES_MAX);
  }
});

Deno.test("readUnits() refuses a pack that the recipe does not name", async () => {
  const recipe = recipeOf([{ kind: "range", pack: 3, offset: 0, length: 1 }], 1000);
  await assert.rejects(Array.fromAsync(readUnits(recipe.header.packs, recipe.steps)), {
    code: "corrupt",
  });
});
