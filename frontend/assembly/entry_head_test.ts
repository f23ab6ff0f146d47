import assert from "node:assert/strict";
import type { Oid } from "@gitstratum/core/git";
import {
  encodeEntryHead,
  OFS_DELTA,
  parseEntryHead,
  rebasedHead,
  REF_DELTA,
} from "./entry_head.ts";

const OID = "0123456789abcdef0123456789abcdef01234567" as Oid;

Deno.test("encodeEntryHead() and parseEntryHead() agree", () => {
  const numbers = [0, 1, 15, 16, 127, 128, 2047, 2048, 16511, 16512, 2 ** 31, 2 ** 32 + 5, 2 ** 40];
  for (const size of numbers) {
    const whole = encodeEntryHead({ typeCode: 3, size });
    assert.deepEqual(parseEntryHead(whole, "sha1"), { typeCode: 3, size, headBytes: whole.length });
    for (const base of [...numbers.slice(1), OID]) {
      const typeCode = typeof base === "number" ? OFS_DELTA : REF_DELTA;
      const head = encodeEntryHead({ typeCode, size, base });
      const parsed = parseEntryHead(head, "sha1");
      assert.deepEqual(parsed, { typeCode, size, base, headBytes: head.length });
    }
  }
});

Deno.test("parseEntryHead() refuses what is cut or endless", () => {
  for (const bytes of [[], [0xb0], [0x00], [0x50], Array(40).fill(0xff), [0x61], [0x71, 1, 2]]) {
    assert.throws(() => parseEntryHead(new Uint8Array(bytes), "sha1"), { code: "corrupt" });
  }
});

Deno.test("parseEntryHead() never reads outside of random bytes", () => {
  let seed = 7;
  for (let i = 0; i < 5000; i++) {
    const bytes = new Uint8Array(1 + (i % 40));
    for (let j = 0; j < bytes.length; j++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      bytes[j] = seed >>> 24;
    }
    try {
      const head = parseEntryHead(bytes, "sha256");
      assert.ok(head.headBytes <= bytes.length && head.size >= 0);
    } catch (error) {
      assert.equal((error as { code: string }).code, "corrupt");
    }
  }
});

Deno.test("rebasedHead() replaces the base and keeps the rest", () => {
  const stored = new Uint8Array([
    ...encodeEntryHead({ typeCode: OFS_DELTA, size: 300, base: 5 }),
    9,
    8,
    7,
  ]);
  const rebased = rebasedHead(stored, OID, "sha1");
  assert.deepEqual(
    rebased,
    new Uint8Array([...encodeEntryHead({ typeCode: REF_DELTA, size: 300, base: OID }), 9, 8, 7]),
  );
  assert.deepEqual(rebasedHead(rebased, 5, "sha1"), stored);
  assert.throws(() => rebasedHead(encodeEntryHead({ typeCode: 1, size: 1 }), 5, "sha1"), {
    code: "corrupt",
  });
});
