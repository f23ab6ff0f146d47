import assert from "node:assert/strict";
import { concatBytes } from "./concat_bytes.ts";

Deno.test("concatBytes() joins pieces in order, as a copy", () => {
  const pieces = [[1, 2], [], [3], [4, 5, 6]].map((bytes) => Uint8Array.from(bytes));
  assert.deepEqual([...concatBytes(pieces)], [1, 2, 3, 4, 5, 6]);
  assert.equal(concatBytes([]).length, 0);
  const [one] = pieces;
  const copy = concatBytes([one!]);
  copy[0] = 9;
  assert.equal(one![0], 1);
});
