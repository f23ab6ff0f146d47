import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import { many, MessageType, one } from "./protobuf.ts";

const INNER = new MessageType({ text: one(1, "text"), numbers: many(2, "number") });
const OUTER = new MessageType({
  number: one(1, "number"),
  id: one(2, "id"),
  flag: one(3, "flag"),
  bytes: one(4, "bytes"),
  inner: one(5, INNER),
  many: many(600, INNER),
});
const EMPTY = { number: 0, id: "0", flag: false, bytes: new Uint8Array(0), many: [] };

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));

Deno.test("MessageType.encode() writes the bytes that the specification shows", () => {
  assert.equal(OUTER.encode({ number: 150 }).toHex(), "089601");
  assert.equal(INNER.encode({ text: "testing" }).toHex(), "0a0774657374696e67");
  assert.equal(OUTER.encode({ inner: { text: "testing" } }).toHex(), "2a090a0774657374696e67");
});

Deno.test("MessageType.encode() writes what is given, zeros included, and nothing else", () => {
  assert.equal(OUTER.encode({}).length, 0);
  assert.equal(OUTER.encode({ number: 0, flag: false, inner: {} }).toHex(), "080018002a00");
});

Deno.test("MessageType.decode() reads zeros where there is nothing", () => {
  assert.deepEqual(OUTER.decode(new Uint8Array(0)), { ...EMPTY, inner: undefined });
});

Deno.test("MessageType.decode() reads what was encoded", () => {
  const inner = fc.record({
    text: fc.string({ unit: "grapheme" }),
    numbers: fc.array(fc.nat(), { maxLength: 3 }),
  }, { noNullPrototype: true });
  const outer = fc.record({
    number: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    id: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String),
    flag: fc.boolean(),
    bytes: fc.uint8Array().map((bytes) => Uint8Array.from(bytes)),
    inner,
    many: fc.array(inner, { maxLength: 3 }),
  });
  fc.assert(fc.property(outer, (message) => {
    assert.deepEqual({ ...OUTER.decode(OUTER.encode(message)) }, { ...message });
  }));
});

Deno.test("MessageType.decode() passes over fields that it does not know", () => {
  const known = "08 05";
  for (const unknown of ["38 ff 01", "39 0102030405060708", "3a 02 ffff", "3d 01020304"]) {
    const message = OUTER.decode(hex(`${unknown} ${known}`));
    assert.deepEqual(message, { ...EMPTY, number: 5, inner: undefined });
  }
});

Deno.test("MessageType.decode() refuses what is no message of its kind", () => {
  const damaged = [
    "08", // A number that is missing.
    "08 ff", // One that breaks off.
    "08 ff ff ff ff ff ff ff ff ff 01", // One that is negative.
    "08 ff ff ff ff ff ff ff ff ff ff ff 01", // One that is too long.
    "0a 00", // A number as bytes.
    "20 01", // Bytes as a number.
    "22 05 00", // Bytes beyond the end.
    "2a 02 0a 05 00 00 00 00 00", // Bytes beyond the end of their message.
    "3b", // A group, which nobody sends.
    "3d 01 02", // Four bytes of which two are missing.
  ];
  for (const text of damaged) {
    assert.throws(() => OUTER.decode(hex(text)), { code: "corrupt" }, text);
  }
});

Deno.test("MessageType.decode() ends for any bytes, with a message or as damaged", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        OUTER.decode(bytes);
      } catch (error) {
        assert.ok(error instanceof GitStratumError && error.code === "corrupt", String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
