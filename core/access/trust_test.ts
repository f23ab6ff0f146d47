import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import { checkIssuerUrl, claimsFit, trustProblem } from "./trust.ts";

const rules = (...pairs: readonly (readonly [string, string])[]) =>
  pairs.map(([claim, pattern]) => ({ claim, pattern }));

Deno.test("claimsFit() wants every rule to hold", () => {
  const claims = {
    repository: "me/project",
    ref: "refs/heads/release/1",
    run: 7,
    protected: true,
    groups: ["a", "b"],
    nested: { x: "y" },
  };
  const holding = [
    rules(["repository", "me/project"]),
    rules(["repository", "me/*"], ["ref", "refs/heads/**"]),
    rules(["run", "7"], ["protected", "true"]),
    rules(["groups", "b"]),
  ];
  for (const each of holding) assert.equal(claimsFit(each, claims), true, JSON.stringify(each));
  const failing = [
    [],
    rules(["repository", "me/project"], ["ref", "refs/heads/*"]),
    rules(["repository", "me/projec"]),
    rules(["repository", "me/project2"]),
    rules(["Repository", "me/project"]),
    rules(["missing", "**"]),
    rules(["nested", "**"]),
    rules(["toString", "**"], ["constructor", "**"]),
    rules(["__proto__", "**"]),
    rules(["groups", "c"]),
  ];
  for (const each of failing) assert.equal(claimsFit(each, claims), false, JSON.stringify(each));
});

Deno.test("claimsFit() answers whatever it is given", () => {
  const rule = fc.record({ claim: fc.string(), pattern: fc.string() });
  fc.assert(fc.property(fc.array(rule, { maxLength: 4 }), fc.object(), (some, claims) => {
    assert.equal(typeof claimsFit(some, claims), "boolean");
  }));
});

Deno.test("trustProblem() wants some claim to be something", () => {
  assert.equal(trustProblem(rules(["sub", "*"], ["repository", "me/*"])), undefined);
  for (const open of [rules(["sub", "**"]), rules(["sub", "*/*"], ["ref", "**"])]) {
    assert.match(trustProblem(open)!, /no claim/);
  }
  assert.match(trustProblem(rules(["sub", "a***"]))!, /three stars/);
});

Deno.test("checkIssuerUrl() takes https, and http on this machine", () => {
  for (const good of ["https://ci.test", "https://ci.test:8443/a/b", "http://127.0.0.1:9/x"]) {
    assert.equal(checkIssuerUrl(good).protocol.startsWith("http"), true);
  }
  const bad = [
    "",
    "ci.test",
    "http://ci.test",
    "http://127.0.0.1.ci.test",
    "file:///etc/passwd",
    "https://a:b@ci.test",
    "https://ci.test/?a=b",
    "https://ci.test/#a",
    "javascript:alert(1)",
  ];
  for (const text of bad) {
    assert.throws(() => checkIssuerUrl(text), (error) => hasCode(error, "invalid"), text);
  }
});
