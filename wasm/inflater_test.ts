import assert from "node:assert/strict";
import zlib from "node:zlib";
import { Inflater, type InflateStatus, Kernels } from "./mod.ts";
import { randomZlibStream } from "./reference/deflate_writer.ts";
import { RandomBytes } from "./reference/random_bytes.ts";

const GUARD = 0xa5;
const GUARD_BYTES = 512;
const ROOM_MAX = 300_000;

const kernels = Kernels.create();
const inflater = new Inflater(kernels);
const inputBase = kernels.alloc(ROOM_MAX);
const outputBase = kernels.alloc(ROOM_MAX);

/** How a stream was inflated: what a run was given at a time, and the room for all of it. */
interface Portions {
  readonly streaming: boolean;
  readonly capacity: number;
  readonly nextInput: (rest: number) => number;
  readonly nextOutput: (rest: number) => number;
}

interface Outcome {
  readonly status: InflateStatus;
  readonly output: Uint8Array<ArrayBuffer>;
  readonly consumed: number;
}

/** Inflates `stream` in portions and checks that nothing outside the room was written. */
function inflateInPortions(stream: Uint8Array, portions: Portions): Outcome {
  kernels.write(inputBase, stream);
  const start = outputBase + GUARD_BYTES;
  const guarded = kernels.view(outputBase, portions.capacity + 2 * GUARD_BYTES).fill(GUARD);
  const output = new Uint8Array(portions.capacity);
  let consumed = 0;
  let produced = 0;
  let status: InflateStatus = "needs-output";
  inflater.start({ streaming: portions.streaming });
  while (status === "needs-input" || status === "needs-output") {
    const inputBytes = portions.nextInput(stream.length - consumed);
    const room = portions.nextOutput(portions.capacity - produced);
    const pointer = portions.streaming ? start : start + produced;
    status = inflater.run(inputBase + consumed, inputBytes, pointer, room);
    assert.ok(inflater.consumed <= inputBytes && inflater.produced <= room);
    if (status === "needs-input") assert.equal(inflater.consumed, inputBytes);
    if (status === "needs-output") assert.equal(inflater.produced, room);
    output.set(kernels.view(pointer, inflater.produced), produced);
    consumed += inflater.consumed;
    produced += inflater.produced;
    if (status === "needs-input" && consumed === stream.length) break;
    if (status === "needs-output" && produced === portions.capacity) break;
  }
  assert.ok(guarded.subarray(0, GUARD_BYTES).every((byte) => byte === GUARD), "before the room");
  assert.ok(guarded.subarray(-GUARD_BYTES).every((byte) => byte === GUARD), "behind the room");
  return { status, output: output.subarray(0, produced), consumed };
}

const whole = (rest: number) => rest;

function allPortions(random: RandomBytes, capacity: number): Portions[] {
  const some = (bound: number) => (rest: number) => Math.min(rest, random.below(bound));
  const one = (rest: number) => Math.min(rest, 1);
  return [
    { streaming: false, capacity, nextInput: whole, nextOutput: whole },
    { streaming: true, capacity, nextInput: whole, nextOutput: whole },
    { streaming: false, capacity, nextInput: one, nextOutput: whole },
    { streaming: false, capacity, nextInput: some(9), nextOutput: some(400) },
    { streaming: true, capacity, nextInput: some(300), nextOutput: some(30) },
    { streaming: true, capacity, nextInput: some(50_000), nextOutput: some(100_000) },
  ];
}

Deno.test("Inflater.run() inflates in any portions, within its room", () => {
  const random = new RandomBytes(1);
  for (let round = 0; round < 60; round++) {
    const data = random.any(random.below(random.pick([3, 300, 5000, 150_000])));
    const level = random.pick([0, 1, 6, 9]);
    const memLevel = random.pick([1, 8, 9]);
    const strategy = random.below(5);
    const stream = zlib.deflateSync(data, { level, memLevel, strategy });
    for (const portions of allPortions(random, data.length)) {
      const { status, output, consumed } = inflateInPortions(stream, portions);
      assert.equal(status, "done");
      assert.equal(consumed, stream.length);
      assert.ok(Buffer.from(output).equals(data));
    }
  }
});

Deno.test("Inflater.run() inflates what no compressor writes", () => {
  const random = new RandomBytes(2);
  for (let round = 0; round < 150; round++) {
    const { stream, output: expected } = randomZlibStream(random);
    assert.ok(zlib.inflateSync(stream).equals(expected));
    const portions = random.pick(allPortions(random, expected.length));
    const roomy = { ...portions, capacity: expected.length + 1000 };
    for (const choice of [portions, roomy]) {
      const { status, output, consumed } = inflateInPortions(stream, choice);
      assert.equal(status, "done");
      assert.equal(consumed, stream.length);
      assert.ok(Buffer.from(output).equals(expected));
    }
  }
});

/** What zlib makes of a stream: the bytes, or undefined when it refuses it. */
function inflateByZlib(stream: Uint8Array, room: number): Buffer | undefined {
  try {
    return zlib.inflateSync(stream, { maxOutputLength: room });
  } catch {
    return undefined;
  }
}

Deno.test("Inflater.run() accepts exactly what zlib accepts", () => {
  const random = new RandomBytes(3);
  let accepted = 0;
  for (let round = 0; round < 2500; round++) {
    const stream = round % 5 === 0
      ? randomZlibStream(random).stream
      : zlib.deflateSync(random.any(random.below(400)), { level: random.pick([0, 1, 9]) });
    const damaged = random.below(8) === 0
      ? stream.subarray(0, random.below(stream.length))
      : random.damaged(random.below(3) === 0 ? stream.subarray(0, 40) : stream);
    const capacity = 60_000;
    const expected = inflateByZlib(damaged, capacity);
    const portions = random.pick(allPortions(random, capacity));
    const { status, output } = inflateInPortions(damaged, portions);
    assert.equal(status === "done", expected !== undefined, `${status} in round ${round}`);
    if (expected === undefined) continue;
    accepted++;
    assert.ok(Buffer.from(output).equals(expected));
  }
  assert.ok(accepted > 10, `Only ${accepted} damaged streams stayed valid`);
});

Deno.test("Inflater.run() stays in bounds and ends on noise", () => {
  const random = new RandomBytes(4);
  for (let round = 0; round < 3000; round++) {
    const noise = random.noise(random.below(120));
    // Half of them get past the header, into a block of any kind.
    const stream = round % 2 === 0 ? noise : Uint8Array.from([0x78, 0x9c, ...noise]);
    inflateInPortions(stream, random.pick(allPortions(random, random.below(2000))));
  }
});

Deno.test("Inflater.run() says when the object is larger than its room, and goes on", () => {
  const data = new RandomBytes(5).text(50_000);
  const stream = zlib.deflateSync(data);
  const { status, output } = inflateInPortions(stream, {
    streaming: false,
    capacity: data.length - 1,
    nextInput: whole,
    nextOutput: whole,
  });
  assert.equal(status, "needs-output");
  const room = outputBase + GUARD_BYTES + output.length;
  const rest = inflater.run(inputBase + inflater.consumed, 0, room, 1);
  assert.equal(rest, "needs-input");
});

Deno.test("Inflater.run() refuses room that is not where the output ended", () => {
  kernels.write(inputBase, zlib.deflateSync(new Uint8Array(100)));
  inflater.start();
  assert.equal(inflater.run(inputBase, 100, outputBase, 10), "needs-output");
  assert.throws(() => inflater.run(inputBase, 100, outputBase, 10), RangeError);
});

Deno.test("Inflater.run() goes on after the memory has grown", () => {
  const own = Kernels.create();
  const inflating = new Inflater(own);
  const stream = zlib.deflateSync(new Uint8Array(100).fill(7));
  const input = own.alloc(stream.length);
  const output = own.alloc(100);
  own.write(input, stream);
  assert.equal(inflating.run(input, 5, output, 100), "needs-input");
  own.alloc(own.memoryBytes);
  assert.equal(
    inflating.run(input + 5, stream.length - 5, output + inflating.produced, 100),
    "done",
  );
  assert.deepEqual(own.read(output, 100), new Uint8Array(100).fill(7));
  inflating.close();
});
