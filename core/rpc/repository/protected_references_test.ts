import { deepEqual, equal } from "node:assert/strict";
import { FROM_CLIENTS } from "./object_maker.ts";
import { protectedReferencesSchema } from "./protected_references.ts";

const schema = protectedReferencesSchema(FROM_CLIENTS);

Deno.test("protectedReferencesSchema() fills in what a rule does not say", () => {
  deepEqual(schema.parse([{ pattern: "refs/heads/main", pushers: {} }]), [{
    pattern: "refs/heads/main",
    denyDelete: false,
    denyForce: false,
    linearHistory: false,
    signed: false,
    pushers: { users: [], deployKeys: [] },
  }]);
});

Deno.test("protectedReferencesSchema() refuses what no rule can mean", () => {
  const takes = (rule: object) => schema.safeParse([{ pattern: "refs/heads/*", ...rule }]).success;
  equal(takes({ denyForce: true, pushers: { role: "admin", users: ["alice"] } }), true);
  equal(takes({ pattern: "heads/main" }), false);
  equal(takes({ pattern: "refs/heads/***" }), false);
  equal(takes({ pattern: "refs/heads/a\nb" }), false);
  equal(takes({ pattern: `refs/heads/${"x".repeat(300)}` }), false);
  equal(takes({ pushers: { users: ["../x"] } }), false);
  equal(takes({ pushers: { users: ["a b"] } }), false);
  equal(takes({ pushers: { role: "owner" } }), false);
  equal(takes({ denyforce: true }), false, "a rule that is misspelt protects nothing");
  const rules = Array.from({ length: 101 }, () => ({ pattern: "refs/heads/x" }));
  equal(schema.safeParse(rules).success, false);
});
