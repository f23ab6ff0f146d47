import assert from "node:assert/strict";
import { GitStratumError, ManualClock } from "@gitstratum/core";
import { parseSideBand, PktLineReader, type SideBandMode } from "@gitstratum/core/protocol";
import type { Recipe } from "@gitstratum/core/recipe";
import type { ExtentStore } from "@gitstratum/core/rpc";
import { KEEP_ALIVE_MS } from "./live_task.ts";
import { executedPack } from "../pack_cache/opened_pack.ts";
import { sendPack as sendOpened } from "./pack_sender.ts";

const clock = new ManualClock();
const extents = {} as ExtentStore;
const rebuild = () => (async function* () {})();
const base = { clock, progress: true };

/** Executes and sends a recipe. */
function sendPack(
  recipe: Promise<Recipe>,
  options: typeof base & { sideBand?: SideBandMode },
): AsyncGenerator<Uint8Array> {
  const mode = options.sideBand;
  const opening = recipe.then((made) => executedPack(made, { extents, rebuild, mode }));
  return sendOpened(opening, options);
}

function recipeOf(literal: Uint8Array, failure?: Error): Recipe {
  return {
    header: { objectFormat: "sha1", objectCount: 2, shallow: [], unshallow: [], packs: [] },
    steps: (async function* () {
      yield await Promise.resolve([{ kind: "literal" as const, bytes: literal }]);
      if (failure !== undefined) throw failure;
    })(),
  };
}

/** Reads bands until the end or the failure of the packets. */
async function readBands(packets: AsyncGenerator<Uint8Array>) {
  const bands: Record<number, Uint8Array[]> = { 1: [], 2: [], 3: [] };
  let failure: unknown;
  const stream = ReadableStream.from((async function* () {
    try {
      yield* packets;
    } catch (error) {
      failure = error;
    }
  })());
  const reader = new PktLineReader(stream);
  for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
    assert.ok(packet.kind === "data");
    const { band, content } = parseSideBand(packet.payload);
    bands[band]!.push(content);
  }
  const text = (band: number) => bands[band]!.map((b) => new TextDecoder().decode(b)).join("");
  return { bands, text, failure };
}

Deno.test("sendPack() frames pack and progress", async () => {
  const literal = new TextEncoder().encode("entries");
  const recipe = Promise.resolve(recipeOf(literal));
  const sent = await readBands(sendPack(recipe, { ...base, sideBand: "side-band-64k" }));
  assert.equal(sent.failure, undefined);
  assert.match(sent.text(1), /^PACK.*entries/s);
  assert.match(sent.text(2), /Enumerating objects: 2, done\.\n.*Total 2 objects in 39 bytes\n/s);
});

Deno.test("sendPack() sends the bare pack without side band", async () => {
  const literal = new TextEncoder().encode("entries");
  const chunks = await Array.fromAsync(sendPack(Promise.resolve(recipeOf(literal)), base));
  assert.equal(chunks.reduce((sum, chunk) => sum + chunk.length, 0), 12 + 7 + 20);
});

Deno.test("sendPack() tells of a failure on band 3 and breaks", async () => {
  const failure = new GitStratumError("corrupt", "Read a broken extent");
  const recipe = Promise.resolve(recipeOf(new Uint8Array(10), failure));
  const sent = await readBands(sendPack(recipe, { ...base, sideBand: "side-band-64k" }));
  assert.equal(sent.text(3), "Read a broken extent\n");
  assert.equal(sent.failure, failure);
});

Deno.test("sendPack() hides what an unexpected error says", async () => {
  const recipe = Promise.resolve(recipeOf(new Uint8Array(10), new Error("/secret/path")));
  const sent = await readBands(sendPack(recipe, { ...base, sideBand: "side-band" }));
  assert.equal(sent.text(3), "internal server error\n");
});

Deno.test("sendPack() keeps the line alive while the recipe is made", async () => {
  const gate = Promise.withResolvers<Recipe>();
  const packets = sendPack(gate.promise, { ...base, progress: false, sideBand: "side-band-64k" });
  const next = packets.next();
  await clock.advance(KEEP_ALIVE_MS);
  assert.equal(new TextDecoder().decode((await next).value as Uint8Array), "0005\x01");
  gate.resolve(recipeOf(new Uint8Array(1)));
  const rest = await Array.fromAsync(packets);
  assert.ok(rest.length > 0);
});
