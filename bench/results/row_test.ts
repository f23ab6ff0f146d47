import assert from "node:assert/strict";
import {
  ratioAtLeast,
  ratioAtMost,
  ratioOf,
  type Row,
  valueAtLeast,
  valueAtMost,
  verdictOf,
} from "./row.ts";

const ROW: Row = {
  benchmark: "b",
  repository: "r",
  quantity: "wall",
  unit: "s",
  ours: 2,
  peer: { name: "git", value: 4 },
};

Deno.test("ratioOf() divides our figure by the peer's", () => {
  assert.equal(ratioOf(ROW), 0.5);
  const { peer: _, ...alone } = ROW;
  assert.equal(ratioOf(alone), undefined);
});

Deno.test("verdictOf() judges ratios and values against bounds of both kinds", () => {
  assert.equal(verdictOf(ROW), "untargeted");
  assert.equal(verdictOf({ ...ROW, target: ratioAtMost(0.5) }), "met");
  assert.equal(verdictOf({ ...ROW, target: ratioAtMost(0.49) }), "missed");
  assert.equal(verdictOf({ ...ROW, target: ratioAtLeast(0.51) }), "missed");
  assert.equal(verdictOf({ ...ROW, target: ratioAtLeast(0.5) }), "met");
  assert.equal(verdictOf({ ...ROW, target: valueAtMost(1) }), "missed");
  assert.equal(verdictOf({ ...ROW, target: valueAtLeast(1) }), "met");
});

Deno.test("verdictOf() leaves a ratio without peer unjudged", () => {
  const { peer: _, ...alone } = ROW;
  assert.equal(verdictOf({ ...alone, target: ratioAtMost(1) }), "untargeted");
});
