import assert from "node:assert/strict";
import { RecentTokens } from "./recent_tokens.ts";

Deno.test("note() keeps a bounded number, and forgets what was noted longest ago", () => {
  const tokens = new RecentTokens<number>();
  for (let n = 0; n < 1024; n++) tokens.note(`key ${n}`, n);
  tokens.note("key 0", 10_000);
  tokens.note("one more", 1);
  assert.equal(tokens.count, 1024);
  assert.equal(tokens.get("key 0"), 10_000);
  assert.equal(tokens.get("key 1"), undefined);
  assert.equal(tokens.get("key 2"), 2);
  assert.equal(tokens.get("one more"), 1);
});

Deno.test("note() keeps nothing by a long key", () => {
  const tokens = new RecentTokens<number>();
  tokens.note("k".repeat(1025), 1);
  assert.equal(tokens.count, 0);
});
