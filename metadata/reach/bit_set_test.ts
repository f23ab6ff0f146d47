import { deepEqual, equal, throws } from "node:assert/strict";
import { AssertionError } from "@gitstratum/core";
import { BitSet } from "./bit_set.ts";
import { dice } from "./testing/history.ts";

Deno.test("BitSet behaves as a Set of numbers", () => {
  const roll = dice(9);
  for (let round = 0; round < 60; round++) {
    const size = 1 + roll(200);
    const set = new BitSet(size);
    const model = new Set<number>();
    for (let step = 0; step < 40; step++) {
      const item = roll(size);
      const end = item + roll(size - item + 1);
      switch (roll(4)) {
        case 0:
          set.addRange(item, end);
          for (let at = item; at < end; at++) model.add(at);
          break;
        case 1:
          set.delete(item);
          model.delete(item);
          break;
        default:
          equal(set.add(item), !model.has(item));
          model.add(item);
      }
      equal(set.count(item, end), [...model].filter((at) => at >= item && at < end).length);
    }
    deepEqual([...set.items()], [...model].sort((a, b) => a - b));
    const grown = new BitSet(size + 50, set);
    grown.subtract(set);
    equal(grown.count(), 0);
    grown.unite(set);
    deepEqual([...grown.items()], [...set.items()]);
  }
});

Deno.test("BitSet holds nothing outside of its range", () => {
  const set = new BitSet(40);
  set.addRange(0, 40);
  equal(set.has(-1) || set.has(40) || set.has(4000), false);
  throws(() => set.add(40), AssertionError);
  throws(() => set.addRange(0, 41), AssertionError);
});
