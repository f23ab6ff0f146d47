import assert from "node:assert/strict";
import { RebuiltObjects } from "./rebuilt_objects.ts";

Deno.test("RebuiltObjects.add() makes room by what was unused longest", () => {
  const objects = new RebuiltObjects(10_000);
  const first = new Uint8Array(4000);
  objects.add("first", first);
  objects.add("second", new Uint8Array(4000));
  assert.equal(objects.get("first"), first);
  objects.add("third", new Uint8Array(4000));
  assert.deepEqual(["first", "second", "third"].filter((place) => objects.has(place)), [
    "first",
    "third",
  ]);
});

Deno.test("RebuiltObjects.add() never holds more than its budget", () => {
  const objects = new RebuiltObjects(10_000);
  for (let at = 0; at < 500; at++) {
    objects.add(`object ${at % 90}`, new Uint8Array(at * 37 % 12_000));
    assert.ok(objects.bytes <= 10_000);
  }
  objects.add("too large", new Uint8Array(10_000));
  assert.ok(!objects.has("too large"));
});
