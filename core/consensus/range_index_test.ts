import assert from "node:assert/strict";
import fc from "fast-check";
import { RangeIndex } from "./range_index.ts";

const range = fc.tuple(fc.stringMatching(/^[a-d]{1,3}$/), fc.stringMatching(/^[a-d]{1,3}$/))
  .map(([one, other]) => one < other ? { from: one, to: other } : { from: other, to: one });

Deno.test("overlapping() finds what a look at each would find, while things come and go", () => {
  const step = fc.record({ range, away: fc.nat({ max: 9 }), isGone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), range, (steps, { from, to }) => {
      const index = new RangeIndex<{ readonly range: typeof steps[number]["range"] }>();
      const items = steps.map(({ range }) => ({ range }));
      const kept = new Set(items);
      for (const [at, { away, isGone }] of steps.entries()) {
        index.add(items[at]!);
        const gone = items[away];
        if (isGone && gone !== undefined && away <= at) {
          index.delete(gone);
          kept.delete(gone);
        }
        if (at % 3 === 0) index.overlapping(from, to);
      }
      const wanted = [...kept].filter(({ range }) => range.from <= to && from < range.to);
      assert.deepEqual(new Set(index.overlapping(from, to)), new Set(wanted));
      assert.equal(index.size, kept.size);
      index.clear();
      assert.deepEqual(index.overlapping(from, to), []);
    }),
    { numRuns: 1000 },
  );
});
