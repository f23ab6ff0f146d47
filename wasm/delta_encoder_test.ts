import assert from "node:assert/strict";
import { DeltaEncoder } from "./mod.ts";
import { applyDeltaSlowly, randomDelta } from "./reference/delta.ts";
import { RandomBytes } from "./reference/random_bytes.ts";

const encoder = new DeltaEncoder();

/** The delta, proved by the slow twin. */
function provedDelta(base: Uint8Array, target: Uint8Array, bytesMax: number) {
  const delta = encoder.encode(base, target, bytesMax);
  if (delta === undefined) return undefined;
  assert.ok(delta.length <= bytesMax);
  const { status, output } = applyDeltaSlowly(base, delta, target.length);
  assert.equal(status, "ok");
  assert.ok(Buffer.from(output).equals(target));
  return delta;
}

Deno.test("DeltaEncoder.encode() makes what relatives have in common a copy", () => {
  const random = new RandomBytes(21);
  for (let round = 0; round < 150; round++) {
    const base = random.noise(random.below(6000));
    const { delta: known, result } = randomDelta(random, base);
    const found = provedDelta(base, result.subarray(0, 50_000), 200_000);
    assert.ok(found !== undefined);
    if (result.length > 50_000) continue;
    // Copies shorter than a block are not found, and no more is lost than that.
    assert.ok(found.length <= known.length + 40 * 30, `${found.length} > ${known.length}`);
  }
});

Deno.test("DeltaEncoder.encode() takes a few bytes for equal objects, however long", () => {
  const base = new RandomBytes(3).noise(300_000);
  const delta = provedDelta(base, base.slice(), 1000);
  assert.ok(delta !== undefined && delta.length < 60, String(delta?.length));
});

Deno.test("DeltaEncoder.encode() indexes anew when the base is another one", () => {
  const random = new RandomBytes(4);
  const [one, other] = [random.noise(5000), random.noise(5000)];
  assert.ok(provedDelta(one, one.slice(100), 100) !== undefined);
  assert.ok(provedDelta(one, one.slice(200), 100) !== undefined);
  assert.ok(provedDelta(other, other.slice(100), 100) !== undefined);
  assert.equal(provedDelta(other, one, 4000), undefined);
});

Deno.test("DeltaEncoder.encode() gives up what has no room, at every length", () => {
  const random = new RandomBytes(5);
  const base = random.noise(400);
  const target = Uint8Array.from([...random.noise(50), ...base.subarray(30, 300), 1, 2, 3]);
  const shortest = provedDelta(base, target, 1000)!.length;
  for (let bytesMax = 0; bytesMax < 80; bytesMax++) {
    // A copy is only tried where the longest one has room.
    const delta = provedDelta(base, target, bytesMax);
    if (bytesMax < shortest) assert.equal(delta, undefined);
    if (bytesMax >= shortest + 8) assert.ok(delta !== undefined);
  }
});

Deno.test("DeltaEncoder.encode() finds its way in blocks that are all alike", () => {
  const base = new Uint8Array(1_000_000);
  const target = new Uint8Array(900_000);
  for (let at = 0; at < target.length; at += 1001) target[at] = 1;
  const delta = encoder.encode(base, target, target.length);
  assert.ok(delta !== undefined && delta.length < 20_000, String(delta?.length));
});

Deno.test("DeltaEncoder.encode() takes empty and tiny objects", () => {
  for (const base of [new Uint8Array(), Uint8Array.of(1), new Uint8Array(16)]) {
    for (const target of [new Uint8Array(), Uint8Array.of(7), new Uint8Array(17)]) {
      assert.ok(provedDelta(base, target, 100) !== undefined);
    }
  }
});

Deno.test("DeltaEncoder keeps no more memory than its largest objects need", () => {
  const own = new DeltaEncoder();
  const random = new RandomBytes(6);
  for (let round = 0; round < 60; round++) {
    const base = random.noise(1 + random.below(200_000));
    own.encode(base, base.slice(1), 10_000);
  }
  assert.ok(own.memoryBytes < 4 * 1024 * 1024, String(own.memoryBytes));
});
