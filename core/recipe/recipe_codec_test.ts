import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "../error.ts";
import type { Oid } from "../git/oid.ts";
import type { PackId } from "../rpc/ids.ts";
import type { Recipe, RecipeHeader, RecipeStep } from "./recipe.ts";
import { decodeRecipe } from "./recipe_decoder.ts";
import { encodeRecipe } from "./recipe_encoder.ts";

const HEADER: RecipeHeader = {
  objectFormat: "sha1",
  objectCount: 3,
  shallow: ["1".repeat(40) as Oid],
  unshallow: [],
  packs: [
    { pack: `${"a".repeat(32)}h` as PackId, extentBytes: 8388608 },
    { pack: `${"b".repeat(32)}c` as PackId, extentBytes: 1024 },
  ],
};

async function* batches(...all: (readonly RecipeStep[])[]) {
  yield* all;
}

function recipe(...all: (readonly RecipeStep[])[]): Recipe {
  return { header: HEADER, steps: batches(...all) };
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
  );
}

/** A stream of `bytes` cut into chunks of the given lengths, over and over. */
function streamOf(bytes: Uint8Array, lengths: readonly number[] = [65536]) {
  let offset = 0;
  let turn = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (offset >= bytes.length) return controller.close();
      const length = lengths[turn++ % lengths.length]!;
      controller.enqueue(bytes.slice(offset, offset + length));
      offset += length;
    },
  });
}

async function stepsOf(decoded: Recipe): Promise<RecipeStep[]> {
  const steps: RecipeStep[] = [];
  for await (const batch of decoded.steps) steps.push(...batch);
  return steps;
}

const STEPS: readonly RecipeStep[] = [
  { kind: "literal", bytes: Uint8Array.of(0x95, 0x0a) },
  { kind: "range", pack: 1, offset: 2 ** 40, length: 300 },
  {
    kind: "materialise",
    type: "tree",
    size: 70,
    chain: [{ pack: 0, offset: 5, length: 6 }, { pack: 1, offset: 0, length: 1 }],
  },
  {
    kind: "materialise",
    type: "blob",
    size: 300,
    chain: [{ pack: 1, offset: 5, length: 6 }],
    relative: { oid: "d".repeat(40) as Oid, size: 9, chain: [{ pack: 1, offset: 0, length: 5 }] },
  },
  { kind: "rebase", pack: 0, offset: 9, length: 40, base: 300 },
  { kind: "rebase", pack: 0, offset: 9, length: 40, base: "c".repeat(40) as Oid },
];

const GOLDEN = "4753524302" + "fa000000" +
  new TextEncoder().encode(JSON.stringify(HEADER)).toHex() +
  "0102950a" + "0201808080808020" + "ac02" + "03024602" + "000506" + "010001" +
  "0703ac0201" + "010506" + "d".repeat(40) + "0901" + "010005" +
  "05000928ac02" + "06000928" + "c".repeat(40) + "0006";

Deno.test("encodeRecipe() writes the documented bytes", async () => {
  assert.equal((await bytesOf(encodeRecipe(recipe(STEPS)))).toHex(), GOLDEN);
});

Deno.test("decodeRecipe() gives back any recipe over any chunking", async () => {
  const safe = fc.maxSafeNat().map((value) => Math.floor(value / 2));
  const range = fc.record({ pack: fc.nat(1), offset: safe, length: safe });
  const chain = fc.array(range, { minLength: 1, maxLength: 5 });
  const step: fc.Arbitrary<RecipeStep> = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ kind: "literal" as const, bytes })),
    range.map((value) => ({ kind: "range" as const, ...value })),
    fc.tuple(range, fc.oneof(fc.maxSafeNat(), fc.constant("ab".repeat(20) as Oid)))
      .map(([value, base]) => ({ kind: "rebase" as const, ...value, base })),
    fc.record({
      kind: fc.constant("materialise" as const),
      type: fc.constantFrom("commit" as const, "tree" as const, "blob" as const, "tag" as const),
      size: fc.maxSafeNat(),
      chain,
    }),
    fc.record({
      kind: fc.constant("materialise" as const),
      type: fc.constant("tree" as const),
      size: fc.maxSafeNat(),
      chain,
      relative: fc.record({
        oid: fc.constant("cd".repeat(20) as Oid),
        size: fc.maxSafeNat(),
        chain,
      }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 10 }), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
      async (all, lengths) => {
        const bytes = await bytesOf(encodeRecipe(recipe(...all)));
        const decoded = await decodeRecipe(streamOf(bytes, lengths));
        assert.deepEqual(decoded.header, HEADER);
        assert.deepEqual(
          JSON.stringify((await stepsOf(decoded)).map(plain)),
          JSON.stringify(all.flat().map(plain)),
        );
      },
    ),
    { numRuns: 150 },
  );
});

function plain(step: RecipeStep) {
  return step.kind === "literal" ? step.bytes.toHex() : step;
}

Deno.test("decodeRecipe() takes no prefix of a recipe for a whole one", async () => {
  const bytes = await bytesOf(encodeRecipe(recipe(STEPS)));
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(
      async () => stepsOf(await decodeRecipe(streamOf(bytes.slice(0, length)))),
      (error) => hasCode(error, "corrupt"),
      `prefix of ${length} bytes`,
    );
  }
});

Deno.test("decodeRecipe() rejects bytes behind the end, wrong counts, opcodes and packs", async () => {
  const whole = (await bytesOf(encodeRecipe(recipe([])))).toHex();
  const start = whole.slice(0, -4);
  for (
    const tail of [
      "000000",
      "0001",
      "08",
      "0500000001",
      "0202000000000000",
      "0300010100000000",
      "0301010000",
      "07010101000001" + "e".repeat(40) + "0900",
    ]
  ) {
    await assert.rejects(
      async () => stepsOf(await decodeRecipe(streamOf(Uint8Array.fromHex(start + tail)))),
      (error) => hasCode(error, "corrupt"),
      tail,
    );
  }
});

Deno.test("decodeRecipe() answers damaged bytes with an error or another recipe, nothing else", async () => {
  const good = await bytesOf(encodeRecipe(recipe(STEPS)));
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (index, byte) => {
      const bytes = good.slice();
      bytes[index] = byte;
      try {
        await stepsOf(await decodeRecipe(streamOf(bytes, [7])));
      } catch (error) {
        assert.ok(error instanceof GitStratumError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("decodeRecipe() refuses other versions", async () => {
  const bytes = await bytesOf(encodeRecipe(recipe(STEPS)));
  bytes[4] = 1;
  await assert.rejects(decodeRecipe(streamOf(bytes)), (error) => hasCode(error, "unsupported"));
});

Deno.test("encodeRecipe() carries a failure of the steps with its code", async () => {
  const steps = async function* () {
    yield STEPS;
    throw new GitStratumError("denied", "Refuse a want", { data: { oid: "abc" } });
  };
  const decoded = await decodeRecipe(encodeRecipe({ header: HEADER, steps: steps() }));
  await assert.rejects(stepsOf(decoded), (error) => {
    assert.ok(hasCode(error, "denied"));
    assert.equal(error.message, "Refuse a want");
    assert.deepEqual(error.data, { oid: "abc" });
    return true;
  });
});

Deno.test("encodeRecipe() breaks the stream on any other failure of the steps", async () => {
  const steps = async function* () {
    yield STEPS;
    throw new TypeError("a bug");
  };
  await assert.rejects(
    async () => stepsOf(await decodeRecipe(encodeRecipe({ header: HEADER, steps: steps() }))),
    TypeError,
  );
});

Deno.test("encodeRecipe() asks for steps only as they are read and stops when cancelled", async () => {
  let asked = 0;
  let closed = false;
  const bytes = new Uint8Array(40_000);
  const steps = async function* (): AsyncGenerator<readonly RecipeStep[]> {
    try {
      for (;;) {
        asked++;
        yield [{ kind: "literal", bytes }];
      }
    } finally {
      closed = true;
    }
  };
  const decoded = await decodeRecipe(encodeRecipe({ header: HEADER, steps: steps() }));
  const iterator = decoded.steps[Symbol.asyncIterator]();
  for (let count = 0; count < 5; count++) await iterator.next();
  assert.ok(asked <= 10, `asked ${asked} times`);
  await iterator.return?.();
  assert.ok(closed);
});
