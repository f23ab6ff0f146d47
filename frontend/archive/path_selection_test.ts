import assert from "node:assert/strict";
import fc from "fast-check";
import { type ByteText, utf8ByteText } from "./byte_text.ts";
import { PathSelection } from "./path_selection.ts";

const text = (value: string) => value as ByteText;

const CASES: readonly [paths: string[], yes: string[], no: string[]][] = [
  [[], ["a", "a/b"], []],
  [["a"], ["a", "a/b", "a/b/c"], ["ab", "b/a"]],
  [["a/"], ["a/b"], ["ab"]],
  [["./a//b/."], ["a/b", "a/b/c"], ["a/bc"]],
  [["*.c"], ["x.c", "d/x.c"], ["x.h"]],
  [[":(glob)*.c"], ["x.c"], ["d/x.c"]],
  [[":(glob)**/*.c"], ["x.c", "d/x.c"], ["x.h"]],
  [[":(icase)README"], ["readme", "ReadMe/x"], ["readm"]],
  [[":(literal)*.c"], ["*.c"], ["x.c"]],
  [[":/a"], ["a"], ["b"]],
  [["a", ":!a/b"], ["a/c"], ["a/b", "a/b/c", "d"]],
  [[":^*.h"], ["x.c"], ["x.h", "d/x.h"]],
  [["."], ["a", "a/b"], []],
];

for (const [paths, yes, no] of CASES) {
  Deno.test(`PathSelection.has() knows ${JSON.stringify(paths)}`, () => {
    const selection = new PathSelection(paths);
    for (const each of yes) assert.ok(selection.has(text(each)), each);
    for (const each of no) assert.ok(!selection.has(text(each)), each);
  });
}

Deno.test("PathSelection.has() compares names outside ASCII by their bytes", () => {
  assert.ok(new PathSelection(["ü"]).has(utf8ByteText("ü/x")));
});

Deno.test("PathSelection.unmatched names what no file was seen for", () => {
  const selection = new PathSelection(["a", "b*"]);
  assert.equal(selection.unmatched, "a");
  selection.has(text("a/x"));
  assert.equal(selection.unmatched, "b*");
  selection.has(text("bc"));
  assert.equal(selection.unmatched, undefined);
});

for (const path of ["../a", "a/../../b", ":(attr:x)a", ":(nonsense)a"]) {
  Deno.test(`PathSelection refuses ${path}`, () => {
    assert.throws(() => new PathSelection([path]), /Refuse/);
  });
}

Deno.test("PathSelection.reaches() hides no directory with a selected file", () => {
  const part = fc.constantFrom("a", "b", "ab");
  const file = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const pattern = fc.oneof(
    file,
    fc.constantFrom("a*", "*b", "a/*/b", ":(glob)a/**", ":!b", ":^a*"),
  );
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 3 }), file, (paths, some) => {
      const selection = new PathSelection(paths);
      if (!selection.has(text(some))) return;
      for (let at = some.indexOf("/"); at > 0; at = some.indexOf("/", at + 1)) {
        assert.ok(selection.reaches(text(some.slice(0, at))), `${paths} ${some}`);
      }
    }),
    { numRuns: 500 },
  );
});
