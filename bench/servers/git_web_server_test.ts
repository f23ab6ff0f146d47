import assert from "node:assert/strict";
import { parseAccount } from "./git_web_server.ts";

Deno.test("parseAccount() sums what children used, not the shells", () => {
  const text = "0m0.001s 0m0.002s\n0m1.250s 0m0.031s\n0m0.001s 0m0.000s\n1m2.000s 0m0.500s\n";
  assert.ok(Math.abs(parseAccount(text) - (1.25 + 0.031 + 62 + 0.5)) < 1e-9);
  assert.equal(parseAccount(""), 0);
});
