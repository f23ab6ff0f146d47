import { deepStrictEqual, throws } from "node:assert/strict";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import { type ChainOptions, rebuildObject } from "./chain.ts";
import { encodeEntryHead, OFS_DELTA } from "./entry_head.ts";
import { encodeWholeEntry } from "./whole_entry.ts";

const OPTIONS: ChainOptions = { format: "sha1", sizeMax: 1 << 20 };

function deltaEntry(delta: Uint8Array): Uint8Array {
  const head = encodeEntryHead({ typeCode: OFS_DELTA, size: delta.length, base: 12 });
  return Uint8Array.from([...head, ...deflateSync(delta)]);
}

/** A delta that keeps the first and last half of its base swapped and adds some bytes. */
function swapDelta(base: Uint8Array, added: Uint8Array): { delta: Uint8Array; result: Uint8Array } {
  const half = base.length >> 1;
  const copy = (offset: number, length: number) =>
    length === 0 ? [] : [0x80 | 0x33, offset & 255, offset >> 8, length & 255, length >> 8];
  const varint = (value: number) => [value & 0x7f | 0x80, value >> 7 & 0x7f | 0x80, value >> 14];
  const delta = [
    ...varint(base.length),
    ...varint(base.length + added.length),
    ...copy(half, base.length - half),
    ...(added.length === 0 ? [] : [added.length, ...added]),
    ...copy(0, half),
  ];
  const result = [...base.subarray(half), ...added, ...base.subarray(0, half)];
  return { delta: Uint8Array.from(delta), result: Uint8Array.from(result) };
}

Deno.test("rebuildObject() applies a chain of deltas from its root up", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }),
      fc.constantFrom(1, 2, 3, 4),
      (root, additions, typeCode) => {
        const chain: Uint8Array[] = [encodeWholeEntry(typeCode, root)];
        let object: Uint8Array = root;
        for (const added of additions) {
          const { delta, result } = swapDelta(object, added);
          chain.unshift(deltaEntry(delta));
          object = result;
        }
        const rebuilt = rebuildObject(chain, OPTIONS);
        deepStrictEqual(rebuilt.typeCode, typeCode);
        deepStrictEqual([...rebuilt.bytes], [...object]);
      },
    ),
  );
});

Deno.test("rebuildObject() refuses chains without a root or with two", () => {
  const whole = encodeWholeEntry(3, Uint8Array.of(1, 2, 3));
  throws(() => rebuildObject([], OPTIONS), { code: "corrupt" });
  throws(() => rebuildObject([whole, whole], OPTIONS), { code: "corrupt" });
  throws(() => rebuildObject([deltaEntry(Uint8Array.of(0, 0))], OPTIONS), { code: "corrupt" });
});

Deno.test("rebuildObject() refuses what does not fit its memory", () => {
  const small = { ...OPTIONS, sizeMax: 10 };
  const base = new Uint8Array(8);
  const { delta } = swapDelta(base, new Uint8Array(1));
  throws(() => rebuildObject([encodeWholeEntry(3, new Uint8Array(11))], small), {
    code: "exhausted",
  });
  throws(() => rebuildObject([deltaEntry(delta), encodeWholeEntry(3, base)], small), {
    code: "exhausted",
  });
});

Deno.test("rebuildObject() of damaged entries is corrupt or yields an object, never more", () => {
  const base = new Uint8Array(50).fill(7);
  const chain = [deltaEntry(swapDelta(base, base).delta), encodeWholeEntry(3, base)];
  for (const [link, entry] of chain.entries()) {
    for (let at = 0; at < entry.length * 8; at++) {
      const damaged = entry.slice();
      damaged[at >> 3]! ^= 1 << (at & 7);
      try {
        rebuildObject(chain.with(link, damaged), OPTIONS);
      } catch (error) {
        if (!(error instanceof GitStratumError)) throw error;
      }
      throws(() => rebuildObject(chain.with(link, entry.subarray(0, at >> 3)), OPTIONS), {
        code: "corrupt",
      });
    }
  }
});
