import assert from "node:assert/strict";
import { KernelError, Kernels, lz4BytesMax, lz4Compress, lz4Decompress } from "./mod.ts";
import { lz4DecompressSlowly } from "./reference/lz4.ts";
import { RandomBytes } from "./reference/random_bytes.ts";

const kernels = Kernels.create();
const GUARD_BYTES = 64;

/** Decompresses with guards around the room. */
function decompressGuarded(block: Uint8Array, room: number): Uint8Array | undefined {
  const input = kernels.alloc(block.length);
  const output = kernels.alloc(room + 2 * GUARD_BYTES);
  try {
    kernels.write(input, block);
    kernels.view(output, room + 2 * GUARD_BYTES).fill(0xa5);
    const size = kernels.lz4Decompress(input, block.length, output + GUARD_BYTES, room);
    const all = kernels.read(output, room + 2 * GUARD_BYTES);
    assert.ok(all.subarray(0, GUARD_BYTES).every((byte) => byte === 0xa5), "before the room");
    assert.ok(all.subarray(-GUARD_BYTES).every((byte) => byte === 0xa5), "behind the room");
    return size === undefined ? undefined : all.subarray(GUARD_BYTES, GUARD_BYTES + size);
  } finally {
    kernels.free(input);
    kernels.free(output);
  }
}

Deno.test("lz4Compress() makes blocks that both decompressors read", () => {
  const random = new RandomBytes(1);
  const sizes = [0, 1, 11, 12, 13, 14, 16, 17, 64, 270, 271, 272, 65_535, 65_536, 200_000];
  for (let round = 0; round < 100; round++) {
    const data = random.any(sizes[round] ?? random.below(random.pick([40, 1000, 20_000])));
    const block = lz4Compress(data);
    assert.ok(block.length <= lz4BytesMax(data.length));
    assert.ok(Buffer.from(lz4Decompress(block, data.length)).equals(data));
    assert.deepEqual(lz4DecompressSlowly(block, data.length), [...data]);
  }
});

Deno.test("lz4Compress() makes repetitive data small", () => {
  assert.ok(lz4Compress(new Uint8Array(100_000)).length < 500);
  const text = new RandomBytes(2).text(100_000);
  assert.ok(lz4Compress(text).length < text.length / 2);
});

Deno.test("lz4Compress() keeps the end of a block as the format wants it", () => {
  // The last five bytes are literals: the last token's count is at least five.
  for (let size = 13; size < 60; size++) {
    const block = lz4Compress(new Uint8Array(size));
    assert.deepEqual([...block.subarray(-5)], [0, 0, 0, 0, 0]);
    assert.ok(block.at(-6)! >= 0x50, `${size} bytes`);
  }
});

Deno.test("Kernels.lz4Compress() says when there is no room, and writes nothing behind it", () => {
  const data = new RandomBytes(3).text(3000);
  const whole = lz4Compress(data).length;
  const input = kernels.alloc(data.length);
  const output = kernels.alloc(4000);
  kernels.write(input, data);
  for (let room = 0; room < whole; room += 7) {
    kernels.view(output, 4000).fill(0xa5);
    assert.equal(kernels.lz4Compress(input, data.length, output, room), undefined);
    assert.ok(kernels.view(output + room, 4000 - room).every((byte) => byte === 0xa5));
  }
  kernels.free(input);
  kernels.free(output);
});

Deno.test("Kernels.lz4Decompress() stays in bounds and agrees with its twin on bad blocks", () => {
  const random = new RandomBytes(4);
  let accepted = 0;
  for (let round = 0; round < 4000; round++) {
    const block = lz4Compress(random.any(random.below(200)));
    const damaged = random.below(4) === 0
      ? random.noise(random.below(60))
      : random.damaged(block.subarray(0, block.length - random.below(3)));
    const room = random.below(400);
    const expected = lz4DecompressSlowly(damaged, room);
    const found = decompressGuarded(damaged, room);
    assert.equal(found === undefined, expected === undefined, `round ${round}`);
    if (found === undefined) continue;
    assert.deepEqual([...found], expected);
    accepted++;
  }
  assert.ok(accepted > 100, `Only ${accepted} blocks were accepted`);
});

Deno.test("lz4Decompress() refuses what is larger than wanted, and lengths without end", () => {
  const corrupt = (error: unknown) => error instanceof KernelError && error.reason === "corrupt";
  assert.throws(() => lz4Decompress(lz4Compress(new Uint8Array(1000)), 999), corrupt);
  assert.throws(() => lz4Decompress(new Uint8Array(100_000).fill(0xff), 1000), corrupt);
  assert.throws(() => lz4Decompress(new Uint8Array(), 10), corrupt);
});
