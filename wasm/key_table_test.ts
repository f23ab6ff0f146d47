import assert from "node:assert/strict";
import { KernelError, Kernels, KeyTable, SKIP_CLASS } from "./mod.ts";
import { RandomBytes } from "./reference/random_bytes.ts";

const kernels = Kernels.create();
const scratch = kernels.alloc(100_000);

/** Flags of the classes in these tests: 4 and 8 and 10 are known, 14 is passed over. */
const FLAGS_OF_CLASS = Uint8Array.from({ length: 16 }, (_, number) => {
  if (number === 14) return SKIP_CLASS;
  return number === 4 ? 2 : number === 8 || number === 10 ? 4 : 128;
});

Deno.test("KeyTable numbers keys as they come, and finds them again", () => {
  for (const keyBytes of [8, 20, 32]) {
    const random = new RandomBytes(keyBytes);
    const table = new KeyTable(kernels, { keyBytes, seed: 99n });
    const twin = new Map<string, number>();
    for (let round = 0; round < 5000; round++) {
      // Few distinct keys, so that many come again; half of them differ at one end only.
      const key = new Uint8Array(keyBytes);
      key[random.pick([0, keyBytes - 1])] = random.below(256);
      key[random.pick([1, keyBytes >> 1])] = random.below(8);
      kernels.write(scratch, key);
      const name = key.toHex();
      assert.equal(table.find(scratch), twin.get(name) ?? -1);
      const expected = twin.get(name) ?? twin.size;
      assert.equal(table.insert(scratch, round), expected);
      if (!twin.has(name)) assert.equal(table.value(expected), round);
      twin.set(name, expected);
      assert.equal(table.count, twin.size);
    }
    for (const [name, number] of twin) {
      assert.equal(kernels.read(table.keyPointer(number), keyBytes).toHex(), name);
    }
    table.close();
  }
});

Deno.test("KeyTable keeps values and flags while it grows", () => {
  const table = new KeyTable(kernels, { keyBytes: 20, seed: 1n });
  const key = new Uint8Array(20);
  const view = new DataView(key.buffer);
  for (let number = 0; number < 100_000; number++) {
    view.setUint32(number % 17, Math.imul(number, 0x9e3779b1));
    view.setUint32(16, number);
    kernels.write(scratch, key);
    assert.equal(table.insert(scratch, number ^ 0xffff), number);
    table.addFlags(number, 1 << (number % 8));
  }
  table.addFlags(7, 1);
  table.setValue(8, 0xffffffff);
  for (let number = 0; number < 100_000; number += 331) {
    assert.equal(table.value(number), number ^ 0xffff);
    assert.equal(table.flags(number), 1 << (number % 8));
  }
  assert.equal(table.flags(7), 129);
  assert.equal(table.value(8), 0xffffffff);
  table.close();
});

Deno.test("KeyTable.select() lists keys by their flags, in portions", () => {
  const table = new KeyTable(kernels, { keyBytes: 8, seed: 2n });
  const expected: number[] = [];
  for (let number = 0; number < 1000; number++) {
    kernels.write(scratch, new Uint8Array(BigUint64Array.of(BigInt(number)).buffer));
    table.insert(scratch, 0);
    table.addFlags(number, number % 7);
    if ((number % 7 & 5) === 4) expected.push(number);
  }
  const found: number[] = [];
  let start = 0;
  while (true) {
    const options = { mask: 5, wanted: 4, start, outputPointer: scratch, countMax: 30 };
    const count = table.select(options);
    found.push(...new Uint32Array(kernels.read(scratch, count * 4).buffer));
    if (count < 30) break;
    start = found.at(-1)! + 1;
  }
  assert.deepEqual(found, expected);
  table.close();
});

Deno.test("KeyTable.reserve() makes room at once and keeps what is there", () => {
  const own = Kernels.create();
  const table = new KeyTable(own, { keyBytes: 20, seed: 3n });
  const key = own.alloc(20);
  own.view(key, 20).fill(0);
  const insert = (number: number) => {
    new DataView(own.buffer, key).setUint32(7, number);
    return table.insert(key, number);
  };
  for (let number = 0; number < 100; number++) assert.equal(insert(number), number);
  table.reserve(10);
  table.reserve(100_000);
  const { memoryBytes } = own;
  for (let number = 0; number < 100_000; number++) assert.equal(insert(number), number);
  assert.equal(own.memoryBytes, memoryBytes, "the room was there before");
  assert.equal(table.value(99), 99);
  assert.throws(() => table.reserve(2 ** 30), KernelError);
  assert.equal(insert(77), 77);
  assert.throws(() => table.reserve(-1), RangeError);
  table.close();
});

Deno.test("KeyTable.insert() throws when the memory ends, and the table is whole", () => {
  const own = Kernels.create();
  const table = new KeyTable(own, { keyBytes: 64, seed: 3n });
  const key = own.alloc(64);
  own.view(key, 64).fill(0);
  const exhausted = (error: unknown) =>
    error instanceof KernelError && error.reason === "out-of-memory";
  const insert = (number: number) => {
    new DataView(own.view(key, 64).buffer, key).setUint32(0, number);
    return table.insert(key, number);
  };
  for (let number = 0; number < 100; number++) assert.equal(insert(number), number);
  const blocks = fillMemory(own);
  assert.throws(() => {
    while (true) insert(table.count);
  }, exhausted);
  const { count } = table;
  assert.ok(count >= 100 && count < 10_000);
  for (let number = 0; number < count; number++) {
    assert.equal(own.view(table.keyPointer(number), 64)[3], number & 255);
    assert.equal(table.value(number), number);
  }
  for (const block of blocks) own.free(block);
  assert.equal(insert(count), count);
  assert.equal(insert(0), 0);
});

/** Takes all memory of an instance but some small rest. */
function fillMemory(own: Kernels): number[] {
  const blocks: number[] = [];
  for (let bytes = 2 ** 29; bytes >= 4096;) {
    try {
      blocks.push(own.alloc(bytes));
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      bytes /= 2;
    }
  }
  return blocks;
}

/** One record with the class in bits 12 to 15 of its number. */
function record(number: number, options: { text: string; key: Uint8Array }): number[] {
  const head = new TextEncoder().encode(`${number.toString(8)} ${options.text}\0`);
  return [...head, ...options.key];
}

Deno.test("KeyTable.scanRecords() inserts the keys of each class with its flags", () => {
  const random = new RandomBytes(6);
  const keys = Array.from({ length: 40 }, () => random.noise(20));
  for (let round = 0; round < 100; round++) {
    const table = new KeyTable(kernels, { keyBytes: 20, seed: 4n });
    const expected = new Map<string, number>();
    const bytes: number[] = [];
    for (let count = random.below(60); count > 0; count--) {
      const key = random.pick(keys);
      const number = random.pick([0o40000, 0o100644, 0o100755, 0o120000, 0o160000, 0o755]);
      bytes.push(...record(number, { text: "x".repeat(1 + random.below(40)), key }));
      const flags = FLAGS_OF_CLASS[number >> 12]!;
      if (flags !== SKIP_CLASS) {
        expected.set(key.toHex(), (expected.get(key.toHex()) ?? 0) | flags);
      }
    }
    kernels.write(scratch, Uint8Array.from(bytes));
    const options = { flagsOfClass: FLAGS_OF_CLASS, value: 77 };
    assert.deepEqual(table.scanRecords(scratch, bytes.length, options), { status: "ok" });
    const found = Array.from({ length: table.count }, (_, number) => {
      assert.equal(table.value(number), 77);
      return [kernels.read(table.keyPointer(number), 20).toHex(), table.flags(number)] as const;
    });
    assert.deepEqual(found, [...expected]);
    table.close();
  }
});

/** Where the first record that is none begins, by a slow and obvious reading; -1 when all are. */
function firstMalformed(bytes: Uint8Array): number {
  const text = new TextDecoder("latin1").decode(bytes);
  const pattern = /[0-7]+ [^\0]+\0[^]{20}/y;
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    if (!pattern.test(text)) return start;
  }
  return -1;
}

Deno.test("KeyTable.scanRecords() says where a list is malformed, as its twin does", () => {
  const random = new RandomBytes(7);
  const table = new KeyTable(kernels, { keyBytes: 20, seed: 5n });
  let malformed = 0;
  for (let round = 0; round < 2000; round++) {
    const bytes: number[] = [];
    for (let count = random.below(4); count > 0; count--) {
      const text = "n".repeat(1 + random.below(20));
      bytes.push(...record(0o100644, { text, key: random.noise(20) }));
    }
    const cut = bytes.slice(0, bytes.length - random.below(2) * random.below(30));
    const damaged = random.damaged(Uint8Array.from(cut));
    kernels.write(scratch, damaged);
    const options = { flagsOfClass: FLAGS_OF_CLASS, value: 0 };
    const result = table.scanRecords(scratch, damaged.length, options);
    const expected = firstMalformed(damaged);
    if (expected !== -1) malformed++;
    assert.deepEqual(
      result,
      expected === -1 ? { status: "ok" } : { status: "malformed", offset: expected },
    );
  }
  assert.ok(malformed > 200 && malformed < 1800, `${malformed} were malformed`);
  table.close();
});

Deno.test("KeyTable refuses what it has no key for", () => {
  const table = new KeyTable(kernels, { keyBytes: 20, seed: 0n });
  assert.throws(() => table.value(0), RangeError);
  assert.throws(() => table.keyPointer(-1), RangeError);
  assert.throws(() => new KeyTable(kernels, { keyBytes: 21, seed: 0n }), RangeError);
  assert.equal(table.find(scratch), -1);
  table.close();
});
