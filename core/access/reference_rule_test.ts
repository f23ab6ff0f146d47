import assert from "node:assert/strict";
import fc from "fast-check";
import {
  coversReference,
  REFERENCE_PATTERN_LENGTH_MAX,
  referenceDemands,
  referencePatternProblem,
  type ReferenceRule,
} from "./reference_rule.ts";

/** Any UTF-16, well-formed or not. */
const anyText = (lengthMax: number) =>
  fc.array(fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xffff })), { maxLength: lengthMax })
    .map((units) => String.fromCharCode(...units));

Deno.test("coversReference() reads stars within and across components", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["refs/heads/main", "refs/heads/main", true],
    ["refs/heads/main", "refs/heads/main2", false],
    ["refs/heads/*", "refs/heads/main", true],
    ["refs/heads/*", "refs/heads/a/b", false],
    ["refs/heads/**", "refs/heads/a/b", true],
    ["refs/heads/**", "refs/headsman", false],
    ["refs/*/main", "refs/heads/main", true],
    ["refs/*/main", "refs/remotes/origin/main", false],
    ["refs/**/main", "refs/remotes/origin/main", true],
    ["refs/heads/v*.*", "refs/heads/v1.2", true],
    ["refs/heads/v*.*", "refs/heads/v12", false],
    ["refs/heads/*a*b", "refs/heads/aab", true],
    ["refs/heads/a.b", "refs/heads/axb", false],
  ];
  for (const [pattern, name, wanted] of cases) {
    assert.equal(coversReference(pattern, name), wanted, `${pattern} and ${name}`);
  }
});

Deno.test("coversReference() agrees with a regular expression", () => {
  const part = fc.array(fc.constantFrom("a", "b", "/", "*", "**", "."), { maxLength: 8 });
  const text = fc.array(fc.constantFrom("a", "b", "/", "."), { maxLength: 10 });
  let coveredCount = 0;
  fc.assert(
    fc.property(part, text, (parts, letters) => {
      const pattern = `refs/${parts.join("").replaceAll(/\*{3,}/g, "**")}`;
      const name = `refs/${letters.join("")}`;
      const source = pattern.replaceAll(".", "\\.").replaceAll("**", "\0")
        .replaceAll("*", "[^/]*").replaceAll("\0", ".*");
      const wanted = new RegExp(`^${source}$`).test(name);
      if (wanted) coveredCount++;
      assert.equal(coversReference(pattern, name), wanted, `${pattern} and ${name}`);
    }),
    { numRuns: 2000 },
  );
  assert.ok(coveredCount > 20);
});

Deno.test("coversReference() takes no time that stars multiply", () => {
  const pattern = `refs/${"**a*a".repeat(50)}b`;
  assert.equal(referencePatternProblem(pattern), undefined);
  assert.equal(coversReference(pattern, `refs/${"a".repeat(1000)}`), false);
});

Deno.test("referencePatternProblem() takes names with stars below refs/", () => {
  for (const good of ["refs/heads/*", "refs/**", "refs/heads/release/*.x", "refs/tags/v1"]) {
    assert.equal(referencePatternProblem(good), undefined, good);
  }
  const long = `refs/${"a".repeat(REFERENCE_PATTERN_LENGTH_MAX)}`;
  for (
    const bad of ["", "main", "*", "refs/", "refs/a b", "refs/a***", "refs/a..b", "refs/a?", long]
  ) {
    assert.notEqual(referencePatternProblem(bad), undefined, bad);
  }
});

Deno.test("referencePatternProblem() answers whatever it is given", () => {
  fc.assert(fc.property(anyText(300), (text) => {
    for (const pattern of [text, `refs/${text}`]) {
      if (referencePatternProblem(pattern) !== undefined) continue;
      assert.ok(pattern.startsWith("refs/") && ![...pattern].some((c) => c <= " "));
      assert.ok(pattern.includes("*") || coversReference(pattern, pattern));
    }
  }));
});

Deno.test("referenceDemands() asks for what any covering rule asks", () => {
  const rule: ReferenceRule = {
    pattern: "refs/heads/*",
    denyDelete: false,
    denyForce: true,
    linearHistory: true,
    signed: false,
  };
  const wide = {
    ...rule,
    pattern: "refs/**",
    denyForce: false,
    linearHistory: false,
    signed: true,
  };
  const rules = [rule, wide];
  assert.deepEqual(referenceDemands(rules, "refs/heads/a"), {
    forwardOnly: true,
    linearHistory: true,
    signed: true,
  });
  assert.deepEqual(referenceDemands(rules, "refs/tags/a"), {
    forwardOnly: false,
    linearHistory: false,
    signed: true,
  });
  assert.deepEqual(referenceDemands([rule], "refs/tags/a"), {
    forwardOnly: false,
    linearHistory: false,
    signed: false,
  });
});
