import { deepEqual, equal } from "node:assert/strict";
import { SeededRandom } from "@gitstratum/core";
import { checksum64 } from "./checksum.ts";
import { CatalogueBuilder, decodeCatalogue } from "./segment_catalogue.ts";
import {
  decodeRecordHead,
  decodeSegmentHeader,
  encodeRecordHead,
  encodeSegmentHeader,
  peekHeadBytes,
  recordBytesOf,
  type RecordHead,
  verifyBlocks,
} from "./segment_format.ts";

const HEADER = { segment: 7, blockBytes: 65536, marker: 0x1122334455667788n };
const RECORD: RecordHead = {
  kind: "put",
  key: "key",
  owner: "owner",
  payloadBytes: 5,
  sequence: 2 ** 40 + 3,
  writtenAtMs: 1_700_000_000_123,
};
const PAYLOAD = new Uint8Array([104, 101, 108, 108, 111]);

function encode(record: RecordHead, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(4096).fill(0xee);
  const options = { header: HEADER, payload, durableBytes: 32 };
  return target.slice(0, encodeRecordHead(target, record, options));
}

// The golden bytes of docs/formats/segment.md. A change of these is a change of the format.
const GOLDEN_HEADER = "475353470100000007000000000001008877665544332211165cdd2f702b4a47";
const GOLDEN_HEAD =
  "8877665544332211010305000500000003000000000100007b68e5cf8b0100002000000007000000" +
  "6b65796f776e6572a36d9f887d82c72680289f55775b5718";
const GOLDEN_CATALOGUE =
  "47535358010000000700000000000100887766554433221120010000000000000300000061000000" +
  "200000000500000003000000000100007b68e5cf8b0100000103056b65796f776e65726800000000" +
  "00000009000000000000007b68e5cf8b0100000203056b65796f776e6572c8000000580000000000" +
  "0000000000000000000000000000030000f3e242dde5c37d1a";

function catalogue(): Uint8Array<ArrayBuffer> {
  const builder = new CatalogueBuilder(HEADER);
  builder.addRecord({ ...RECORD, offset: 32 });
  builder.addRecord({ ...RECORD, kind: "delete", payloadBytes: 0, sequence: 9, offset: 104 });
  builder.addDamage({ offset: 200, bytes: 88 });
  return builder.encode(288);
}

Deno.test("encodeSegmentHeader() writes the bytes of version 1", () => {
  equal(encodeSegmentHeader(HEADER).toHex(), GOLDEN_HEADER);
  const found = decodeSegmentHeader(Uint8Array.fromHex(GOLDEN_HEADER));
  deepEqual(found, { kind: "header", header: HEADER });
});

Deno.test("encodeRecordHead() writes the bytes of version 1", () => {
  equal(encode(RECORD, PAYLOAD).toHex(), GOLDEN_HEAD);
  const found = decodeRecordHead(Uint8Array.fromHex(GOLDEN_HEAD), HEADER)!;
  const { durableBytes, headBytes, blockChecksums, ...record } = found;
  deepEqual(record, RECORD);
  deepEqual([durableBytes, headBytes, blockChecksums.byteLength], [32, 64, 8]);
});

Deno.test("CatalogueBuilder.encode() writes the bytes of version 1", () => {
  equal(catalogue().toHex(), GOLDEN_CATALOGUE);
  const found = decodeCatalogue(Uint8Array.fromHex(GOLDEN_CATALOGUE))!;
  deepEqual(found.header, HEADER);
  equal(found.coveredBytes, 288);
  deepEqual(found.damage, [{ offset: 200, bytes: 88 }]);
  deepEqual([...found.records], [
    { ...RECORD, offset: 32 },
    { ...RECORD, kind: "delete", payloadBytes: 0, sequence: 9, offset: 104 },
  ]);
});

Deno.test("decodeSegmentHeader() tells another version from damage", () => {
  const bytes = encodeSegmentHeader(HEADER);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    equal(decodeSegmentHeader(flipped).kind, "damaged");
  }
  equal(decodeSegmentHeader(bytes.subarray(0, 31)).kind, "damaged");
  const newer = Uint8Array.from(bytes);
  newer[4] = 2;
  new DataView(newer.buffer).setBigUint64(24, checksum64(newer.subarray(0, 24)), true);
  deepEqual(decodeSegmentHeader(newer), { kind: "unknown-version", version: 2 });
});

Deno.test("decodeRecordHead() refuses every flipped bit and every cut", () => {
  const bytes = encode(RECORD, PAYLOAD);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    equal(decodeRecordHead(flipped, HEADER), undefined);
  }
  for (let length = 0; length < bytes.length; length++) {
    equal(decodeRecordHead(bytes.subarray(0, length), HEADER), undefined);
  }
});

Deno.test("decodeRecordHead() refuses a record of another segment", () => {
  const bytes = encode(RECORD, PAYLOAD);
  equal(decodeRecordHead(bytes, { ...HEADER, segment: 8 }), undefined);
  equal(decodeRecordHead(bytes, { ...HEADER, marker: 1n }), undefined);
});

Deno.test("peekHeadBytes() survives any bytes", () => {
  const random = new SeededRandom(3);
  const intact = encode(RECORD, PAYLOAD);
  for (let round = 0; round < 5000; round++) {
    const bytes = random.bytes(random.below(80));
    bytes.set(intact.subarray(0, Math.min(bytes.length, 8)));
    const length = peekHeadBytes(bytes, HEADER);
    equal(length === undefined || length < 200_000, true);
  }
});

Deno.test("decodeCatalogue() refuses every flipped bit and every cut", () => {
  const bytes = catalogue();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    equal(decodeCatalogue(flipped), undefined);
  }
  for (let length = 0; length < bytes.length; length++) {
    equal(decodeCatalogue(bytes.subarray(0, length)), undefined);
  }
});

Deno.test("verifyBlocks() verifies exactly the blocks it is given", () => {
  const payload = new SeededRandom(1).bytes(200_000);
  const record = { ...RECORD, payloadBytes: payload.length };
  const head = decodeRecordHead(encode(record, payload), HEADER)!;
  const check = (bytes: Uint8Array, firstBlock: number) =>
    verifyBlocks(bytes, { checksums: head.blockChecksums, firstBlock, blockBytes: 65536 });
  equal(check(payload, 0), true);
  equal(check(payload.subarray(65536, 131072), 1), true);
  equal(check(payload.subarray(196608), 3), true);
  equal(check(payload.subarray(0, 65536), 1), false);
  payload[70_000]! ^= 1;
  equal(check(payload, 0), false);
  equal(check(payload.subarray(131072), 2), true);
  equal(recordBytesOf(record, 65536), head.headBytes + 200_000);
});
