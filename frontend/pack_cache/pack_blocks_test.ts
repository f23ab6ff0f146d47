import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { SeededRandom } from "@gitstratum/core";
import {
  parseSideBand,
  PktLineReader,
  SIDE_BAND_HEADER_BYTES,
  type SideBandMode,
  sideBandPayloadMax,
} from "@gitstratum/core/protocol";
import { giveAway } from "../pack_assembly/given_memory.ts";
import { bareBlocks, packBlockBytes, packBlocks, packBytesWithin } from "./pack_blocks.ts";

async function* cut(bytes: Uint8Array, random: SeededRandom): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length;) {
    const length = 1 + random.below(random.below(2) ? 300_000 : 40);
    yield await Promise.resolve(bytes.subarray(from, from + length));
    from += length;
  }
}

for (const mode of ["side-band", "side-band-64k"] as const satisfies SideBandMode[]) {
  Deno.test(`packBlocks() frames any cuts of a pack in equal blocks, ${mode}`, async () => {
    const random = new SeededRandom(7);
    const payload = sideBandPayloadMax(mode);
    const blockPacks = packBlockBytes(mode) / (payload + SIDE_BAND_HEADER_BYTES) * payload;
    for (const size of [0, 1, 40, payload, payload + 1, blockPacks, 2 * blockPacks + 7]) {
      const pack = random.bytes(size);
      const blocks = await Array.fromAsync(packBlocks(cut(pack, random), mode));
      for (const block of blocks.slice(0, -1)) assert.equal(block.length, packBlockBytes(mode));
      const framedBytes = blocks.reduce((sum, { length }) => sum + length, 0);
      assert.equal(packBytesWithin(framedBytes, mode), size);
      const reader = new PktLineReader(ReadableStream.from(blocks));
      const contents: Uint8Array[] = [];
      for (let line = await reader.read(); line !== undefined; line = await reader.read()) {
        assert.ok(line.kind === "data");
        const { band, content } = parseSideBand(line.payload);
        assert.equal(band, 1);
        contents.push(content.slice());
      }
      assert.ok(contents.slice(0, -1).every(({ length }) => length === payload));
      assert.deepEqual(Buffer.concat(contents), Buffer.from(pack));
      const framed = Buffer.concat(blocks);
      const bare = await Array.fromAsync(bareBlocks(cut(framed, random), mode));
      assert.deepEqual(Buffer.concat(bare), Buffer.from(pack));
    }
  });
}

Deno.test("packBlocks() uses up what was given away, and nothing else", async () => {
  const given = giveAway(new Uint8Array(300_000).fill(1));
  const kept = new Uint8Array(300_000).fill(2);
  const pack = (async function* () {
    yield await Promise.resolve(given);
    yield kept;
  })();
  const framed = packBlocks(pack, "side-band-64k");
  const bare = await Array.fromAsync(bareBlocks(framed, "side-band-64k"));
  const expected = Buffer.concat([new Uint8Array(300_000).fill(1), kept]);
  assert.deepEqual(Buffer.concat(bare), expected);
  assert.deepEqual([given.length, kept.length], [0, 300_000]);
});
