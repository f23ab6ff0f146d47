import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import {
  checkPushableReferenceName,
  compareReferenceNames,
  isPushableReferenceName,
  isReferenceName,
  referenceDirectories,
  referenceNameProblem,
  referenceNamesConflict,
} from "./reference_name.ts";

function gitTakes(name: string): boolean {
  try {
    execFileSync("git", ["check-ref-format", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const NAMES = [
  "refs/heads/main",
  "refs/heads/a.b",
  "refs/heads/a..b",
  "refs/heads/.a",
  "refs/heads/a.lock",
  "refs/heads/a.lock/b",
  "refs/heads/a.",
  "refs/heads/a./b",
  "refs/heads/",
  "refs//heads",
  "/refs/heads/a",
  "refs/heads/a b",
  "refs/heads/a~1",
  "refs/heads/a^",
  "refs/heads/a:b",
  "refs/heads/a?",
  "refs/heads/*",
  "refs/heads/[a",
  "refs/heads/a]",
  "refs/heads/a\\b",
  "refs/heads/a\x7f",
  "refs/heads/a\x01",
  "refs/heads/@",
  "refs/heads/@{",
  "refs/heads/a@{b",
  "refs/heads/@/x",
  "@",
  "@/b",
  "HEAD",
  "main",
  "refs/heads/\u00fc",
  "refs/heads/-a",
  "refs/heads/a\nb",
  "refs/heads/{",
  "a/b",
  "refs/heads/lock",
  "refs/heads/.lock",
  "refs/heads/a.LOCK",
  "refs/heads/a\t",
  "refs/heads/a/.",
  "..",
];

Deno.test("isReferenceName() agrees with git check-ref-format", () => {
  for (const name of NAMES) {
    assert.equal(isReferenceName(name), gitTakes(name), JSON.stringify(name));
  }
});

Deno.test("isReferenceName() agrees with git on random names", () => {
  const part = fc.constantFrom("a", ".", "/", "@", "{", ".lock", "~", "\\", "é", "-", " ", "refs/");
  const names = fc.sample(fc.array(part, { minLength: 1, maxLength: 7 }), {
    numRuns: 120,
    seed: 7,
  });
  for (const name of names.map((parts) => parts.join(""))) {
    if (name.startsWith("-")) continue; // git would take it for an option
    assert.equal(isReferenceName(name), gitTakes(name), JSON.stringify(name));
  }
});

Deno.test("referenceNameProblem() bounds the length in bytes", () => {
  const longest = `refs/heads/${"a".repeat(1024 - 11)}`;
  assert.equal(referenceNameProblem(longest), undefined);
  assert.match(referenceNameProblem(`${longest}a`)!, /longer than 1024/);
  assert.match(referenceNameProblem(`refs/heads/${"ü".repeat(507)}`)!, /longer than 1024/);
});

Deno.test("referenceNameProblem() takes one component when allowed", () => {
  assert.equal(referenceNameProblem("HEAD", { allowOneLevel: true }), undefined);
  assert.match(referenceNameProblem("HEAD")!, /one component/);
});

Deno.test("isPushableReferenceName() wants refs/", () => {
  assert.ok(isPushableReferenceName("refs/heads/x") && isPushableReferenceName("refs/x"));
  assert.ok(!isPushableReferenceName("HEAD") && !isPushableReferenceName("heads/x"));
  assert.equal(checkPushableReferenceName("refs/heads/x"), "refs/heads/x");
  assert.throws(() => checkPushableReferenceName("heads/x"), (error) => hasCode(error, "invalid"));
});

Deno.test("referenceNamesConflict() sees directories only", () => {
  assert.ok(referenceNamesConflict("refs/heads/a", "refs/heads/a/b"));
  assert.ok(referenceNamesConflict("refs/heads/a/b/c", "refs/heads/a"));
  assert.ok(!referenceNamesConflict("refs/heads/a", "refs/heads/ab"));
  assert.deepEqual([...referenceDirectories("refs/heads/a/b")], [
    "refs",
    "refs/heads",
    "refs/heads/a",
  ]);
});

Deno.test("compareReferenceNames() orders by UTF-8 bytes", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const byBytes = (a: string, b: string) => {
    const [x, y] = [encode(a), encode(b)];
    const index = x.findIndex((byte, position) => byte !== y[position]);
    return index < 0 ? x.length - y.length : x[index]! - (y[index] ?? -1);
  };
  const name = fc.array(
    fc.constantFrom("a", "b", "/", "é", "\uffee", "\u{1f600}", "\u{1f601}", "\ud7ff"),
  )
    .map((parts) => parts.join(""));
  fc.assert(fc.property(name, name, (a, b) => {
    assert.equal(Math.sign(compareReferenceNames(a, b)), Math.sign(byBytes(a, b)));
  }));
});
