import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteText } from "./byte_text.ts";
import { Wildcard } from "./wildcard.ts";

const text = (value: string) => value as ByteText;

/** Patterns, and texts that they match and do not match, as git's wildmatch has it. */
const CASES: readonly [pattern: string, pathName: boolean, yes: string[], no: string[]][] = [
  ["foo", true, ["foo"], ["fo", "fooo", "/foo"]],
  ["*.txt", true, [".txt", "a.txt"], ["a/b.txt", "a.txt2"]],
  ["*.txt", false, ["a/b.txt", ".txt"], ["a.tx"]],
  ["a?c", true, ["abc"], ["a/c", "ac"]],
  ["a?c", false, ["a/c"], ["ac"]],
  ["**/foo", true, ["foo", "a/foo", "a/b/foo"], ["xfoo", "a/xfoo"]],
  ["a/**/b", true, ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "xa/b"]],
  ["a/**", true, ["a/x", "a/x/y"], ["a", "b/x"]],
  ["a**b", true, ["ab", "axb"], ["a/b"]],
  ["[a-c]x", true, ["ax", "cx"], ["dx", "x"]],
  ["[!a-c]x", true, ["dx"], ["ax", "/x"]],
  ["[^a]x", false, ["/x", "bx"], ["ax"]],
  ["[]]x", true, ["]x"], ["x", "[x"]],
  ["[[:digit:]-]x", true, ["5x", "-x"], ["ax"]],
  ["[\\]]", true, ["]"], ["\\"]],
  ["\\*", true, ["*"], ["a", "\\*"]],
  ["[a", true, [], ["a", "[a"]],
  ["a\\", true, [], ["a", "a\\"]],
  ["[[:nope:]]", true, [], ["a"]],
];

for (const [pattern, pathName, yes, no] of CASES) {
  Deno.test(`Wildcard.matches() knows ${pattern}${pathName ? " in paths" : ""}`, () => {
    const wildcard = new Wildcard(text(pattern), { pathName });
    for (const each of yes) assert.ok(wildcard.matches(text(each)), each);
    for (const each of no) assert.ok(!wildcard.matches(text(each)), each);
  });
}

Deno.test("Wildcard.matches() can ignore case", () => {
  const wildcard = new Wildcard(text("A[x-z]*"), { pathName: true, ignoreCase: true });
  assert.ok(wildcard.matches(text("aYb")));
});

/** The slow and obvious way: all ways to cut the text. */
function slowly(pattern: string, value: string): boolean {
  if (pattern === "") return value === "";
  const rest = pattern.slice(1);
  if (pattern[0] === "*") {
    return slowly(rest, value) || (value !== "" && slowly(pattern, value.slice(1)));
  }
  return value !== "" && (pattern[0] === "?" || pattern[0] === value[0]) &&
    slowly(rest, value.slice(1));
}

Deno.test("Wildcard.matches() agrees with a slow matcher", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  const value = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, value, (some, other) => {
      const wildcard = new Wildcard(text(some), { pathName: false });
      assert.equal(wildcard.matches(text(other)), slowly(some, other));
    }),
    { numRuns: 500 },
  );
});

Deno.test("Wildcard.matches() takes any pattern, and never long", () => {
  const unit = fc.constantFrom("a", "*", "**", "/", "?", "[", "]", "!", "-", "\\", "[:alpha:]");
  fc.assert(fc.property(fc.string({ unit, maxLength: 30 }), fc.string(), (some, other) => {
    new Wildcard(text(some), { pathName: true }).matches(text(other));
  }));
  const evil = new Wildcard(text(`${"*a".repeat(200)}b`), { pathName: true });
  const start = performance.now();
  assert.ok(!evil.matches(text("a".repeat(2000))));
  assert.ok(performance.now() - start < 2000);
});
