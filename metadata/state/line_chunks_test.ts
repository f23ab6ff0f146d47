import { equal } from "node:assert/strict";
import fc from "fast-check";
import { LineChunks } from "./line_chunks.ts";

const OIDS = ["a".repeat(40), "b".repeat(40), "c".repeat(64)];

/** What the lines of some references must be. */
function expected(references: ReadonlyMap<string, string>): string {
  const names = [...references.keys()].sort();
  const lines = names.map((name) => {
    const text = `${references.get(name)!} ${name}\n`;
    return (text.length + 4).toString(16).padStart(4, "0") + text;
  });
  return `${lines.join("")}0000`;
}

const text = (chunks: LineChunks) => new TextDecoder().decode(chunks.bytes());

Deno.test("LineChunks holds what a sorted map would, whatever is set and deleted", () => {
  const step = fc.record({
    name: fc.nat({ max: 700 }).map((number) => `refs/heads/b${number}`),
    oid: fc.option(fc.constantFrom(...OIDS), { nil: undefined, freq: 3 }),
    looked: fc.boolean(),
  });
  const runs = fc.array(step, { minLength: 0, maxLength: 1500, size: "max" });
  fc.assert(
    fc.property(runs, fc.nat({ max: 600 }), (steps, begun) => {
      const chunks = new LineChunks();
      const oracle = new Map<string, string>();
      // A first reading comes in order.
      const names = Array.from({ length: begun }, (_, index) => `refs/heads/b${index}`).sort();
      for (const name of names) {
        chunks.set(name, OIDS[0]!);
        oracle.set(name, OIDS[0]!);
      }
      for (const { name, oid, looked } of steps) {
        if (oid === undefined) {
          chunks.delete(name);
          oracle.delete(name);
        } else {
          chunks.set(name, oid);
          oracle.set(name, oid);
        }
        // Encoded chunks must not outlive a change.
        if (looked && steps.length < 30) equal(text(chunks), expected(oracle));
      }
      equal(text(chunks), expected(oracle));
      equal(chunks.count, oracle.size);
      equal(chunks.byteCount >= chunks.bytes().length - 4, true);
    }),
    { numRuns: 60 },
  );
});

Deno.test("LineChunks.bytes() are the caller's own", () => {
  const chunks = new LineChunks();
  chunks.set("refs/heads/main", OIDS[0]!);
  chunks.bytes().fill(0);
  equal(text(chunks), expected(new Map([["refs/heads/main", OIDS[0]!]])));
});
