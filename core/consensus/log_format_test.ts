import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "../error.ts";
import {
  decodeHead,
  decodeLogEntry,
  decodeTruncation,
  encodeHead,
  encodeLogEntry,
  encodeTruncation,
  entryKey,
  entryRange,
  headKey,
  markRange,
  parsePartition,
  truncationKey,
} from "./log_format.ts";
import type { Epoch, Lsn, Partition } from "./log.ts";

const P = 7 as Partition;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("log format has the golden keys and values", () => {
  assert.equal(headKey(P), "log/7/head");
  assert.equal(truncationKey(P), "log/7/truncated");
  const key = entryKey(P, 0x1234abcd as Lsn);
  assert.equal(key, "log/7/e/000000001234abcd");
  assert.equal(text(encodeHead({ epoch: 3 as Epoch, lsn: 17 as Lsn })), "1 epoch=3 lsn=17");
  assert.equal(text(encodeTruncation(9 as Lsn)), "1 truncated=9");
  const entry = encodeLogEntry(key, { epoch: 3 as Epoch, payload: bytes("push") });
  assert.equal(entry.toHex(), "01" + "0000000000000003" + GOLDEN_CRC + "70757368");
});

/** CRC-32 of `log/7/e/000000001234abcd`, 01 00..03, `push`; computed by another implementation. */
const GOLDEN_CRC = "31713113";

Deno.test("decodeLogEntry() reads what encodeLogEntry() wrote", () => {
  fc.assert(fc.property(
    fc.maxSafeNat(),
    fc.maxSafeNat(),
    fc.uint8Array({ maxLength: 300 }),
    (lsn, epoch, payload) => {
      const key = entryKey(P, lsn as Lsn);
      const value = encodeLogEntry(key, { epoch: epoch as Epoch, payload });
      const entry = decodeLogEntry({ key, value });
      assert.deepEqual({ ...entry, payload: entry.payload.slice() }, { lsn, epoch, payload });
    },
  ));
});

Deno.test("decodeLogEntry() finds every flipped bit and a value under another key", () => {
  const key = entryKey(P, 5 as Lsn);
  const value = encodeLogEntry(key, { epoch: 2 as Epoch, payload: bytes("payload") });
  for (let bit = 0; bit < value.length * 8; bit++) {
    const flipped = value.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const code = bit < 8 ? "unsupported" : "corrupt";
    assert.throws(() => decodeLogEntry({ key, value: flipped }), (error) => hasCode(error, code));
  }
  const elsewhere = entryKey(P, 6 as Lsn);
  assert.throws(() => decodeLogEntry({ key: elsewhere, value }), (e) => hasCode(e, "corrupt"));
});

Deno.test("log decoders answer any bytes with a value or an error of the world", () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ maxLength: 40 }).map(bytes),
    fc.stringMatching(/^[12]? ?(epoch|truncated)=[0-9]{0,18}( lsn=[0-9]{1,18})?$/).map(bytes),
  );
  fc.assert(
    fc.property(anything, (value) => {
      for (const decode of [decodeHead, decodeTruncation, decodeLogEntry]) {
        for (const key of [headKey(P), entryKey(P, 1 as Lsn)]) {
          try {
            decode({ key, value });
          } catch (error) {
            assert.ok(error instanceof GitStratumError, String(error));
          }
        }
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeHead() refuses numbers that are not exact and versions it does not know", () => {
  const decode = (value: string) => decodeHead({ key: headKey(P), value: bytes(value) });
  assert.throws(() => decode("1 epoch=9999999999999999 lsn=1"), (e) => hasCode(e, "corrupt"));
  assert.throws(() => decode("1 epoch=01 lsn=1"), (e) => hasCode(e, "corrupt"));
  assert.throws(() => decode("2 term=1"), (e) => hasCode(e, "unsupported"));
});

Deno.test("markRange() and entryRange() hold their own keys and no neighbour's", () => {
  const isIn = (range: { from: string; to: string }, key: string) =>
    range.from <= key && key < range.to;
  assert.ok(isIn(markRange(P), headKey(P)) && isIn(markRange(P), truncationKey(P)));
  for (const partition of [0, 6, 70, 77] as Partition[]) {
    assert.ok(!isIn(markRange(P), headKey(partition)));
    assert.ok(!isIn(entryRange(P), entryKey(partition, 1 as Lsn)));
  }
  for (const lsn of [0, 1, 2 ** 53 - 1] as Lsn[]) {
    assert.ok(isIn(entryRange(P), entryKey(P, lsn)));
    assert.ok(!isIn(markRange(P), entryKey(P, lsn)));
  }
});

Deno.test("parsePartition() takes 0 to 255", () => {
  assert.equal(parsePartition(0), 0);
  assert.equal(parsePartition(255), 255);
  for (const bad of [-1, 256, 1.5, NaN]) {
    assert.throws(() => parsePartition(bad), (error) => hasCode(error, "invalid"));
  }
});
