import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import zlib from "node:zlib";
import { adler32, crc32, inflate, KernelError, sha1, sha256, xxh64 } from "./mod.ts";

/** Sizes around every block, slice and run that the kernels cut their input into. */
const SIZES = [
  ...[0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120, 5551, 5552, 5553],
  ...[65535, 65536, 65537, 131072, 200_000, 1_000_003],
];

/** Bytes with some repetition, the same each time. */
function sample(bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * i * 31 + (i >> 7)) & 255);
}

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

Deno.test("xxh64() gives the published values", () => {
  const text = new TextEncoder();
  assert.equal(xxh64(new Uint8Array()), 0xef46db3751d8e999n);
  assert.equal(xxh64(text.encode("abc")), 0x44bc2cf5ad770999n);
});

Deno.test("crc32() and adler32() agree with zlib", () => {
  for (const size of SIZES) {
    const data = sample(size);
    assert.equal(crc32(data), zlib.crc32(data), `${size} bytes`);
    const deflated = zlib.deflateSync(data, { level: 1 });
    assert.equal(adler32(data), deflated.readUInt32BE(deflated.length - 4), `${size} bytes`);
  }
});

Deno.test("crc32() goes on from an earlier part", () => {
  const data = sample(1000);
  assert.equal(crc32(data.subarray(333), crc32(data.subarray(0, 333))), crc32(data));
});

Deno.test("sha1() and sha256() agree with node:crypto", () => {
  for (const size of SIZES) {
    const data = sample(size);
    assert.equal(hex(sha1(data)), createHash("sha1").update(data).digest("hex"), `${size} bytes`);
    const expected = createHash("sha256").update(data).digest("hex");
    assert.equal(hex(sha256(data)), expected, `${size} bytes`);
  }
});

Deno.test("inflate() returns what was deflated, and where the stream ended", () => {
  for (const size of SIZES) {
    const data = sample(size);
    for (const level of [0, 1, 6, 9]) {
      const stream = zlib.deflateSync(data, { level });
      const followed = Buffer.concat([stream, Buffer.from("more")]);
      const { output, consumed } = inflate(followed, size);
      assert.equal(consumed, stream.length);
      assert.ok(Buffer.from(output).equals(data), `${size} bytes at level ${level}`);
    }
  }
});

Deno.test("inflate() refuses what is too large, truncated or corrupt", () => {
  const stream = zlib.deflateSync(sample(100_000));
  const reason = (expected: string) => (error: unknown) =>
    error instanceof KernelError && error.reason === expected;
  assert.throws(() => inflate(stream, 99_999), reason("too-large"));
  assert.throws(() => inflate(stream.subarray(0, -1), 100_000), reason("truncated"));
  assert.throws(() => inflate(new Uint8Array(), 1), reason("truncated"));
  const broken = Uint8Array.from(stream);
  broken[broken.length - 1]! ^= 1;
  assert.throws(() => inflate(broken, 100_000), reason("corrupt"));
});
