import { equal, notEqual } from "node:assert/strict";
import fc from "fast-check";
import { hiddenPatternProblem, HiddenReferences } from "./hidden_references.ts";

const hides = (name: string, ...patterns: readonly string[]) =>
  new HiddenReferences(patterns).hides(name);

Deno.test("hides() matches whole components from the beginning", () => {
  equal(hides("refs/pull/1/head", "refs/pull"), true);
  equal(hides("refs/pull", "refs/pull"), true);
  equal(hides("refs/pulled/1", "refs/pull"), false);
  equal(hides("refs/heads/pull", "pull"), false);
  equal(hides("refs/pull/1", "refs/pull///"), true);
  equal(hides("refs/heads/main", "refs"), true);
  equal(hides("HEAD", "refs"), false);
  equal(hides("refs/heads/main"), false);
});

Deno.test("hides() lets the last match decide", () => {
  const patterns = ["refs/ci", "!refs/ci/shown", "refs/ci/shown/not"];
  equal(hides("refs/ci/x", ...patterns), true);
  equal(hides("refs/ci/shown", ...patterns), false);
  equal(hides("refs/ci/shown/x", ...patterns), false);
  equal(hides("refs/ci/shown/not/x", ...patterns), true);
  equal(hides("refs/ci/shown", "!refs/ci/shown", "refs/ci"), true);
});

Deno.test("any tells whether something can be hidden", () => {
  equal(new HiddenReferences([]).any, false);
  equal(new HiddenReferences(["!refs/heads"]).any, false);
  equal(new HiddenReferences(["!refs/heads", "refs"]).any, true);
});

Deno.test("afterHidden() skips a hidden directory unless part of it is shown", () => {
  const after = (name: string, ...patterns: readonly string[]) =>
    new HiddenReferences(patterns).afterHidden(name);
  equal(after("refs/pull/1", "refs/pull"), "refs/pull0");
  equal(after("refs/pull", "refs/pull"), undefined);
  equal(after("refs/pull-x", "refs/pull"), undefined);
  equal(after("refs/heads/main", "refs/pull"), undefined);
  equal(after("refs/pull/1", "refs/pull", "!refs/pull/2"), undefined);
  equal(after("refs/pull/1/x", "refs/pull", "!refs/pull/2", "refs/pull/1"), "refs/pull/10");
});

Deno.test("hiddenPatternProblem() takes beginnings of full names only", () => {
  for (const good of ["refs", "refs/", "refs/pull", "!refs/pull/", "refs/a/b"]) {
    equal(hiddenPatternProblem(good), undefined, good);
  }
  const bad = ["", "!", "HEAD", "pull", "^refs/pull", "!!refs/x", "refs//x", "refs/a..b", "refs/*"];
  for (const pattern of [...bad, "refs/" + "x".repeat(100_000)]) {
    notEqual(hiddenPatternProblem(pattern), undefined, pattern.slice(0, 20));
  }
});

Deno.test("hides() agrees with git's own loop over the patterns", () => {
  const component = fc.constantFrom("a", "b", "ab");
  const path = fc.array(component, { minLength: 1, maxLength: 3 })
    .map((parts) => `refs/${parts.join("/")}`);
  const pattern = fc.tuple(fc.boolean(), path, fc.constantFrom("", "/")).map(
    ([negated, prefix, end]) => `${negated ? "!" : ""}${prefix}${end}`,
  );
  fc.assert(fc.property(path, fc.array(pattern, { maxLength: 5 }), (name, patterns) => {
    let hidden = false;
    for (const text of patterns) {
      const prefix = text.replace(/^!/, "").replace(/\/$/, "");
      if (`${name}/`.startsWith(`${prefix}/`)) hidden = !text.startsWith("!");
    }
    equal(hides(name, ...patterns), hidden);
  }));
});
