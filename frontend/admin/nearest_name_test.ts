import assert from "node:assert/strict";
import fc from "fast-check";
import { didYouMean, editDistance, nearestNames } from "./nearest_name.ts";

Deno.test("editDistance() counts changes, swaps of neighbours as one", () => {
  const cases: readonly [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
    ["flaw", "lawn", 2],
    ["ca", "abc", 3],
  ];
  for (const [one, other, distance] of cases) assert.equal(editDistance(one, other), distance);
});

Deno.test("editDistance() is the same both ways, and 0 for equal texts only", () => {
  const text = fc.string({ maxLength: 12 });
  fc.assert(fc.property(text, text, (one, other) => {
    const distance = editDistance(one, other);
    assert.equal(distance, editDistance(other, one));
    assert.equal(distance === 0, one === other);
    assert.ok(distance <= Math.max(one.length, other.length));
  }));
});

Deno.test("nearestNames() gives close names, the closest first, and no others", () => {
  const names = ["acme/widget", "acme/widgets", "acme/gadget", "other/thing"];
  assert.deepEqual(nearestNames("acme/wigdet", names).slice(0, 2), ["acme/widget", "acme/widgets"]);
  assert.deepEqual(nearestNames("ACME/widget", names)[0], "acme/widget");
  assert.deepEqual(nearestNames("zzz/zzzzzzz", names), []);
  assert.deepEqual(nearestNames("x".repeat(1000), ["x".repeat(999)]), []);
});

Deno.test("didYouMean() asks about what there is", () => {
  assert.equal(didYouMean([]), "");
  assert.equal(didYouMean(["a", "b"]), "; did you mean a or b?");
});
