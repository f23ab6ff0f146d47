import assert from "node:assert/strict";
import fc from "fast-check";
import type { Partition } from "../../consensus/log.ts";
import { hasCode } from "../../error.ts";
import { decodePartitionSet, encodePartitionSet, partitionSetSchema } from "./partition_set.ts";

Deno.test("decodePartitionSet() gives back what encodePartitionSet() wrote", () => {
  assert.equal(encodePartitionSet([0, 5, 255] as Partition[]), `84${"0".repeat(61)}1`);
  const anySet = fc.uniqueArray(fc.nat(255)).map((some) => new Set(some as Partition[]));
  fc.assert(fc.property(anySet, (set) => {
    const text = encodePartitionSet(set);
    assert.ok(partitionSetSchema.safeParse(text).success);
    assert.deepEqual(decodePartitionSet(text), new Set([...set].sort((a, b) => a - b)));
  }));
});

Deno.test("decodePartitionSet() refuses any other text", () => {
  const other = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-g]{60,66}$/)).filter((text) =>
    !/^[0-9a-f]{64}$/.test(text)
  );
  fc.assert(fc.property(other, (text) => {
    assert.throws(() => decodePartitionSet(text), (error) => hasCode(error, "invalid"));
    assert.ok(!partitionSetSchema.safeParse(text).success);
  }));
});
