import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setImmediate as immediate } from "node:timers/promises";
import { deflateSync } from "node:zlib";
import type { Oid } from "@gitstratum/core/git";
import {
  applyEntryDelta,
  encodeEntryHead,
  inflateEntry,
  parseEntryHead,
  REF_DELTA,
} from "@gitstratum/core/pack";
import type { Recipe, RecipeRange } from "@gitstratum/core/recipe";
import type { ExtentId, ExtentStore, PackId } from "@gitstratum/core/rpc";
import { DeltaEncoder } from "@gitstratum/wasm";
import { BatchRebuilder } from "./batch_rebuilder.ts";
import type { MaterialiseStep } from "./read_unit.ts";

const PACK = `${"c".repeat(32)}c` as PackId;
const OID = "0123456789abcdef0123456789abcdef01234567" as Oid;
const OPTIONS = { format: "sha1", sizeMax: 1 << 24 } as const;

/** Text that two generations of have most lines in common. */
function version(number: number, lines = 400): Uint8Array {
  const text = Array.from({ length: lines }, (_, line) => {
    const changed = line % 97 === number % 97 ? ` changed by ${number}` : "";
    return `line ${line} of a file ${Math.imul(line, 2654435761) >>> 0}${changed}\n`;
  });
  return new TextEncoder().encode(text.join(""));
}

/** One pack in memory that counts its reads. */
class StoredPack {
  readonly #bytes: Uint8Array[] = [];
  #length = 0;
  readonly extentBytes: number;
  reads = 0;

  constructor(extentBytes: number) {
    this.extentBytes = extentBytes;
  }

  /** Appends a whole object, or a delta of `base`. */
  add(object: Uint8Array, base?: Uint8Array): RecipeRange {
    const payload = base === undefined
      ? object
      : new DeltaEncoder().encode(base, object, object.length + 100)!;
    const head = base === undefined
      ? encodeEntryHead({ typeCode: 3, size: payload.length })
      : encodeEntryHead({ typeCode: REF_DELTA, size: payload.length, base: OID });
    const entry = Buffer.concat([head, deflateSync(payload)]);
    this.#bytes.push(entry);
    this.#length += entry.length;
    return { pack: 0, offset: this.#length - entry.length, length: entry.length };
  }

  get extents(): ExtentStore {
    const bytes = new Uint8Array(Buffer.concat(this.#bytes));
    return {
      read: (id: ExtentId, range: { offset: number; length: number }) => {
        this.reads++;
        const start = Number(id.split(".")[1]) * this.extentBytes + range.offset;
        return Promise.resolve(bytes.slice(start, start + range.length));
      },
    } as unknown as ExtentStore;
  }

  get recipe(): Recipe {
    const packs = [{ pack: PACK, extentBytes: this.extentBytes }];
    return { header: { objectFormat: "sha1", packs } } as unknown as Recipe;
  }
}

function stepOf(size: number, chain: readonly RecipeRange[]): MaterialiseStep {
  return { kind: "materialise", type: "blob", size, chain };
}

/** A root and its deltas, as steps that each name the one before as their relative. */
function family(pack: StoredPack, count: number) {
  const root = version(0);
  const rootEntry = pack.add(root);
  const objects = Array.from({ length: count }, (_, number) => version(number + 1));
  const steps: MaterialiseStep[] = [];
  for (const object of objects) {
    const before = steps.at(-1);
    const step = stepOf(object.length, [pack.add(object, root), rootEntry]);
    const relative = before && { oid: OID, size: before.size, chain: before.chain };
    steps.push(relative === undefined ? step : { ...step, relative });
  }
  return { objects, steps };
}

Deno.test("BatchRebuilder.rebuild() writes what has a relative as a delta of it", async () => {
  for (const extentBytes of [1000, 8_388_608]) {
    const pack = new StoredPack(extentBytes);
    const { objects, steps } = family(pack, 30);
    const entries = await new BatchRebuilder(pack.extents).rebuild(steps, pack.recipe);
    entries.forEach((entry, number) => {
      const { typeCode, payload } = inflateEntry(entry!, OPTIONS);
      assert.equal(typeCode, number === 0 ? 3 : REF_DELTA);
      if (number === 0) return assert.deepEqual(payload, objects[0]);
      assert.equal(parseEntryHead(entry!, "sha1").base, OID);
      assert.deepEqual(applyEntryDelta(objects[number - 1]!, payload, OPTIONS), objects[number]);
      assert.ok(entry!.length < entries[0]!.length / 10);
    });
  }
});

Deno.test("BatchRebuilder.rebuild() reads what lies together at once, and nothing twice", async () => {
  const pack = new StoredPack(8_388_608);
  const { steps } = family(pack, 60);
  const rebuilder = new BatchRebuilder(pack.extents);
  await rebuilder.rebuild(steps.slice(0, 30), pack.recipe);
  assert.equal(pack.reads, 1);
  await rebuilder.rebuild(steps.slice(30), pack.recipe);
  assert.equal(pack.reads, 2);
  await rebuilder.rebuild(steps, pack.recipe);
  assert.equal(pack.reads, 2);
});

Deno.test("BatchRebuilder.rebuild() writes an unlike relative's object whole", async () => {
  const pack = new StoredPack(8_388_608);
  const root = version(0);
  const rootEntry = pack.add(root);
  const object = version(1);
  const unlike = crypto.getRandomValues(new Uint8Array(5000));
  const relative = { oid: OID, size: 5000, chain: [pack.add(unlike)] };
  const step = { ...stepOf(object.length, [pack.add(object, root), rootEntry]), relative };
  const [entry] = await new BatchRebuilder(pack.extents).rebuild([step], pack.recipe);
  assert.deepEqual(inflateEntry(entry!, OPTIONS), { typeCode: 3, payload: object });
});

Deno.test("BatchRebuilder.rebuild() leaves large objects to others, and their bases too", async () => {
  const pack = new StoredPack(8_388_608);
  const large = crypto.getRandomValues(new Uint8Array(60_000));
  const base = new Uint8Array(3_000_000);
  for (let at = 0; at < base.length; at += large.length) base.set(large, at);
  const small = base.slice(0, 5000);
  const baseEntry = pack.add(base);
  const steps = [
    stepOf(base.length, [baseEntry]),
    stepOf(small.length, [pack.add(small, base), baseEntry]),
  ];
  const entries = await new BatchRebuilder(pack.extents).rebuild(steps, pack.recipe);
  assert.deepEqual(entries, [undefined, undefined]);
});

Deno.test("BatchRebuilder.rebuild() refuses chains that do not fit", async () => {
  const pack = new StoredPack(8_388_608);
  const { steps } = family(pack, 3);
  const [step] = steps;
  const bad: MaterialiseStep[] = [
    { ...step!, size: step!.size + 1 },
    { ...step!, chain: step!.chain.slice(0, 1) },
    { ...step!, chain: [step!.chain[1]!, step!.chain[0]!] },
    { ...step!, chain: [step!.chain[0]!, { ...step!.chain[1]!, length: 50 }] },
  ];
  for (const broken of bad) {
    await assert.rejects(new BatchRebuilder(pack.extents).rebuild([broken], pack.recipe), {
      code: "corrupt",
    });
  }
});

Deno.test("BatchRebuilder.rebuild() lets others run between batches", async () => {
  const pack = new StoredPack(8_388_608);
  const { steps } = family(pack, 3);
  const rebuilder = new BatchRebuilder(pack.extents);
  const order: string[] = [];
  const batches = steps.map(async (step, number) => {
    await rebuilder.rebuild([step], pack.recipe);
    order.push(`batch ${number}`);
  });
  let isOver = false;
  const others = (async () => {
    while (!isOver) {
      await immediate();
      order.push("others");
    }
  })();
  await Promise.all(batches);
  isOver = true;
  await others;
  const batchTurns = order.flatMap((what, turn) => what === "others" ? [] : [turn]);
  assert.deepEqual(batchTurns.map((turn) => order[turn]), ["batch 0", "batch 1", "batch 2"]);
  for (const turn of batchTurns.slice(1)) assert.equal(order[turn - 1], "others");
});
