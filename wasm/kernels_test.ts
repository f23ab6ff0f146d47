import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { applyDelta, Hasher, KernelError, Kernels, xxh64, Xxh64Hasher } from "./mod.ts";
import { applyDeltaSlowly, randomDelta } from "./reference/delta.ts";
import { RandomBytes } from "./reference/random_bytes.ts";
import { xxh64Slowly } from "./reference/xxh64.ts";

const kernels = Kernels.create();

/** Puts `parts` into memory of their own, calls `use` with their pointers, frees them. */
function withParts<T>(parts: readonly Uint8Array[], use: (pointers: number[]) => T): T {
  const pointers = parts.map((part) => kernels.alloc(part.length));
  parts.forEach((part, i) => kernels.write(pointers[i]!, part));
  try {
    return use(pointers);
  } finally {
    pointers.forEach((pointer) => kernels.free(pointer));
  }
}

Deno.test("Kernels.alloc() gives back what was freed, and survives asking for too much", () => {
  const own = Kernels.create();
  own.free(own.alloc(1_000_000));
  const before = own.memoryBytes;
  for (let round = 0; round < 100; round++) own.free(own.alloc(1_000_000));
  assert.equal(own.memoryBytes, before);
  const exhausted = (error: unknown) =>
    error instanceof KernelError && error.reason === "out-of-memory";
  assert.throws(() => own.alloc(2 ** 31), exhausted);
  assert.throws(() => {
    for (let round = 0; round < 9; round++) own.alloc(500_000_000);
  }, exhausted);
  const pointer = own.alloc(64);
  assert.equal(pointer % 16, 0);
  own.write(pointer, new Uint8Array(64).fill(3));
  assert.equal(own.view(pointer, 64)[63], 3);
});

Deno.test("Kernels calls refuse regions outside the memory", () => {
  const end = kernels.memoryBytes;
  assert.throws(() => kernels.crc32(end - 4, 5), RangeError);
  assert.throws(() => kernels.xxh64(-1, 5), RangeError);
  assert.throws(() => kernels.sha1(0, 0, 0, 0, end - 19), RangeError);
  assert.throws(() => kernels.applyDelta(0, 1, 0, NaN, 0, 1), RangeError);
});

Deno.test("Kernels.sha1() and sha256() hash a header and a body as one", () => {
  const random = new RandomBytes(1);
  for (let round = 0; round < 200; round++) {
    const header = random.noise(random.below(40));
    const body = random.noise(random.below(300));
    withParts([header, body, new Uint8Array(32)], ([h, b, output]) => {
      for (const algorithm of ["sha1", "sha256"] as const) {
        kernels[algorithm](h!, header.length, b!, body.length, output!);
        const expected = createHash(algorithm).update(header).update(body).digest();
        assert.ok(Buffer.from(kernels.read(output!, expected.length)).equals(expected));
      }
    });
  }
});

Deno.test("Hasher and Xxh64Hasher take their input in any portions", () => {
  const random = new RandomBytes(2);
  const hashers = [new Hasher(kernels, "sha1"), new Hasher(kernels, "sha256")] as const;
  const xxh = new Xxh64Hasher(kernels);
  for (let round = 0; round < 200; round++) {
    const data = random.noise(random.below(700));
    const seed = BigInt(random.below(2 ** 31)) << BigInt(random.below(33));
    withParts([data, new Uint8Array(32)], ([pointer, output]) => {
      xxh.start(seed);
      for (const hasher of hashers) hasher.start();
      for (let at = 0; at < data.length;) {
        const bytes = Math.min(data.length - at, random.below(random.pick([3, 70, 200])));
        xxh.update(pointer! + at, bytes);
        for (const hasher of hashers) hasher.update(pointer! + at, bytes);
        at += bytes;
      }
      assert.equal(xxh.digest(), xxh64Slowly(data, seed));
      assert.equal(kernels.xxh64(pointer!, data.length, seed), xxh64Slowly(data, seed));
      for (const [i, hasher] of hashers.entries()) {
        hasher.finish(output!);
        const expected = createHash(i === 0 ? "sha1" : "sha256").update(data).digest();
        assert.ok(Buffer.from(kernels.read(output!, hasher.hashBytes)).equals(expected));
      }
    });
  }
  for (const hasher of [...hashers, xxh]) hasher.close();
});

Deno.test("xxh64() hashes more than one slice as its twin does", () => {
  const data = new RandomBytes(3).noise(65536 * 2 + 77);
  assert.equal(xxh64(data, 5n), xxh64Slowly(data, 5n));
});

/** Applies a delta by the kernel, with guards around the result. */
function applyInMemory(base: Uint8Array, delta: Uint8Array, outputBytes: number) {
  const guarded = new Uint8Array(outputBytes + 128).fill(0xa5);
  return withParts([base, delta, guarded], ([b, d, o]) => {
    const status = kernels.applyDelta(b!, base.length, d!, delta.length, o! + 64, outputBytes);
    const all = kernels.read(o!, guarded.length);
    assert.ok(all.subarray(0, 64).every((byte) => byte === 0xa5), "before the result");
    assert.ok(all.subarray(-64).every((byte) => byte === 0xa5), "behind the result");
    return { status, output: all.subarray(64, -64) };
  });
}

function violationOf(base: Uint8Array, delta: Uint8Array): string {
  try {
    applyDelta(base, delta, Number.MAX_SAFE_INTEGER);
    return "ok";
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return String(error.data.violation);
  }
}

Deno.test("Kernels.applyDelta() and applyDelta() make what a valid delta says", () => {
  const random = new RandomBytes(4);
  for (let round = 0; round < 100; round++) {
    const base = random.any(random.below(random.pick([2, 100, 5000, 90_000])));
    const { delta, result } = randomDelta(random, base);
    const { status, output } = applyInMemory(base, delta, result.length);
    assert.equal(status, "ok");
    assert.ok(Buffer.from(output).equals(result));
    assert.ok(Buffer.from(applyDelta(base, delta, result.length)).equals(result));
    const sizes = withParts([delta], ([d]) => kernels.deltaSizes(d!, delta.length));
    assert.deepEqual(sizes, { baseBytes: base.length, resultBytes: result.length });
  }
});

Deno.test("Kernels.applyDelta() and applyDelta() tell each violation as their twin does", () => {
  const random = new RandomBytes(5);
  const seen = new Set<string>();
  for (let round = 0; round < 2500; round++) {
    const base = random.noise(random.below(300));
    const { delta, result } = randomDelta(random, base);
    const damaged = random.below(4) === 0
      ? delta.subarray(0, random.below(delta.length))
      : random.damaged(random.below(2) === 0 ? delta : delta.subarray(0, 20));
    const expected = applyDeltaSlowly(base, damaged, result.length);
    const { status, output } = applyInMemory(base, damaged, result.length);
    assert.equal(status, expected.status, `round ${round}`);
    if (status === "ok") assert.deepEqual([...output], expected.output);
    seen.add(status);
    // The plain function takes the size from the delta, so that this one can not differ.
    if (status !== "result-size-mismatch") assert.equal(violationOf(base, damaged), status);
  }
  assert.equal(seen.size, 7, [...seen].join());
});

Deno.test("Kernels.applyDelta() refuses sizes without end and beyond what can be", () => {
  const endless = new Uint8Array(100).fill(0x80);
  const absurd = Uint8Array.from([...new Uint8Array(9).fill(0xff), 0x7f, 0]);
  for (const delta of [endless, absurd, new Uint8Array()]) {
    assert.equal(applyInMemory(new Uint8Array(), delta, 0).status, "truncated");
    assert.equal(violationOf(new Uint8Array(), delta), "truncated");
    assert.equal(withParts([delta], ([d]) => kernels.deltaSizes(d!, delta.length)), undefined);
  }
});

Deno.test("applyDelta() bounds its result before it takes memory", () => {
  const delta = Uint8Array.from([0, 0xff, 0xff, 0xff, 0xff, 0x7f]);
  const tooLarge = (error: unknown) => error instanceof KernelError && error.reason === "too-large";
  assert.throws(() => applyDelta(new Uint8Array(), delta, 1000), tooLarge);
});
