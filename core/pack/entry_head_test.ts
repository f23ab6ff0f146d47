import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import type { Oid } from "../git/oid.ts";
import { GitStratumError } from "../error.ts";
import {
  distanceBytes,
  encodeEntryHead,
  ENTRY_HEAD_BYTES_MAX,
  type EntryHead,
  EntryHeadReader,
  OFS_DELTA,
  parseEntryHead,
  rebasedHead,
  REF_DELTA,
} from "./entry_head.ts";

const OID = "0123456789abcdef0123456789abcdef01234567" as Oid;
const size = fc.maxSafeNat();
const headArbitrary: fc.Arbitrary<EntryHead> = fc.oneof(
  fc.record({ typeCode: fc.constantFrom(1, 2, 3, 4), size }),
  fc.record({ typeCode: fc.constant(OFS_DELTA), size, base: fc.maxSafeNat().map((n) => n || 1) }),
  fc.record({ typeCode: fc.constant(REF_DELTA), size, base: fc.constant(OID) }),
);

Deno.test("parseEntryHead() reads what encodeEntryHead() wrote, whatever follows", () => {
  fc.assert(fc.property(headArbitrary, fc.uint8Array({ maxLength: 4 }), (head, rest) => {
    const bytes = encodeEntryHead(head);
    strictEqual(bytes.length <= ENTRY_HEAD_BYTES_MAX, true);
    deepStrictEqual(parseEntryHead(Uint8Array.from([...bytes, ...rest]), "sha1"), {
      ...head,
      headBytes: bytes.length,
    });
    if (typeof head.base === "number") {
      const whole = encodeEntryHead({ typeCode: 1, size: head.size });
      strictEqual(whole.length + distanceBytes(head.base), bytes.length);
    }
  }));
});

Deno.test("EntryHeadReader asks for more input at every cut of a head", () => {
  fc.assert(fc.property(headArbitrary, (head) => {
    const bytes = encodeEntryHead(head);
    const reader = new EntryHeadReader(20);
    for (let end = 0; end < bytes.length; end++) {
      strictEqual(reader.read(bytes, 0, end), "needs-input");
    }
    strictEqual(reader.read(bytes, 0, bytes.length), "ok");
  }));
});

Deno.test("parseEntryHead() of arbitrary bytes yields a head in bounds or is corrupt", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      const head = parseEntryHead(bytes, "sha256");
      strictEqual(head.headBytes <= bytes.length && Number.isSafeInteger(head.size), true);
    } catch (error) {
      strictEqual(error instanceof GitStratumError && error.code === "corrupt", true);
    }
  }));
});

Deno.test("parseEntryHead() refuses reserved types and endless numbers", () => {
  for (const bytes of [[0x00], [0x50], Array(40).fill(0xff), [0x61, ...Array(40).fill(0xff)]]) {
    throws(() => parseEntryHead(Uint8Array.from(bytes), "sha1"), { code: "corrupt" });
  }
});

Deno.test("rebasedHead() replaces the base and keeps what follows", () => {
  const tail = [9, 8, 7];
  const stored = Uint8Array.from([
    ...encodeEntryHead({ typeCode: OFS_DELTA, size: 300, base: 5 }),
    ...tail,
  ]);
  const rebased = rebasedHead(stored, OID, "sha1");
  deepStrictEqual(
    [...rebased],
    [...encodeEntryHead({ typeCode: REF_DELTA, size: 300, base: OID }), ...tail],
  );
  deepStrictEqual(rebasedHead(rebased, 5, "sha1"), stored);
  throws(() => rebasedHead(encodeEntryHead({ typeCode: 1, size: 1 }), 5, "sha1"), {
    code: "corrupt",
  });
});
