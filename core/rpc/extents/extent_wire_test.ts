import { deepEqual, equal, throws } from "node:assert/strict";
import { hasCode } from "../../error.ts";
import { SeededRandom } from "../../seeded_random.ts";
import {
  checksumText,
  decodeExtentBatch,
  encodeExtentBatch,
  parseRangeHeader,
  rangeHeader,
  verifyChecksum,
} from "./extent_wire.ts";
import type { ExtentId } from "../ids.ts";

const IDS = ["h.0", "c.12", "i.3"].map((end) =>
  `00112233445566778899aabbccddeeff${end}` as ExtentId
);

// The golden bytes of docs/formats/extent.md. A change of these is a change of the format.
const GOLDEN = "47535842010000000200000023000000030000003030313132323333343435353636373738383939" +
  "616162626363646465656666682e300102032400000000000000303031313232333334343535363637373838" +
  "3939616162626363646465656666632e3132";

Deno.test("encodeExtentBatch() writes the bytes of version 1", () => {
  const extents = [
    { id: IDS[0]!, bytes: new Uint8Array([1, 2, 3]) },
    { id: IDS[1]!, bytes: new Uint8Array(0) },
  ];
  equal(encodeExtentBatch(extents).toHex(), GOLDEN);
  const found = decodeExtentBatch(Uint8Array.fromHex(GOLDEN));
  deepEqual(found.map(({ id, bytes }) => ({ id, bytes: Uint8Array.from(bytes) })), extents);
});

Deno.test("decodeExtentBatch() refuses every cut and survives any change", () => {
  const random = new SeededRandom(11);
  const intact = encodeExtentBatch(IDS.map((id, n) => ({ id, bytes: random.bytes(n * 20) })));
  for (let length = 0; length < intact.length; length++) {
    throws(() => decodeExtentBatch(intact.subarray(0, length)), (e) => hasCode(e, "invalid"));
  }
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from(intact);
    for (let count = random.below(4); count >= 0; count--) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    try {
      const total = decodeExtentBatch(bytes).reduce((sum, extent) => sum + extent.bytes.length, 0);
      equal(total < bytes.length, true);
    } catch (error) {
      equal(hasCode(error, "invalid"), true);
    }
  }
});

Deno.test("parseRangeHeader() reads what rangeHeader() writes, and nothing else", () => {
  for (const range of [{ offset: 0, length: 1 }, { offset: 2 ** 40, length: 2 ** 23 }]) {
    deepEqual(parseRangeHeader(rangeHeader(range)), range);
  }
  for (const text of ["", "bytes=", "bytes=1-0", "bytes=-1", "bytes=1-", "bytes=1-2,3-4", "1-2"]) {
    throws(() => parseRangeHeader(text), (error) => hasCode(error, "invalid"));
  }
});

Deno.test("verifyChecksum() tells a wrong checksum from a missing one", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  verifyChecksum(bytes, checksumText(bytes));
  equal(checksumText(new Uint8Array(0)), "ef46db3751d8e999");
  throws(() => verifyChecksum(bytes, "ef46db3751d8e999"), (error) => hasCode(error, "corrupt"));
  throws(() => verifyChecksum(bytes, null), (error) => hasCode(error, "invalid"));
});
