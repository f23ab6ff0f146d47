import assert from "node:assert/strict";
import { giveAway, releaseGiven } from "./given_memory.ts";

Deno.test("releaseGiven() empties what was given away, once", () => {
  const piece = giveAway(new Uint8Array(100).subarray(10, 60));
  assert.equal(piece.length, 50);
  releaseGiven(piece);
  assert.equal(piece.length, 0);
  assert.equal(piece.buffer.byteLength, 0);
  releaseGiven(piece);
});

Deno.test("releaseGiven() leaves alone what somebody may still want", () => {
  const piece = new Uint8Array(100);
  giveAway(piece.subarray(0, 50));
  releaseGiven(piece);
  assert.equal(piece.length, 100);
});
