import { equal } from "node:assert/strict";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";

Deno.test("ByteBoundedCache forgets what was used longest ago", () => {
  const cache = new ByteBoundedCache<string, number>(10);
  cache.set("a", 1, 4);
  cache.set("b", 2, 4);
  equal(cache.get("a"), 1);
  cache.set("c", 3, 4);
  equal(cache.get("b"), undefined);
  equal(cache.get("a"), 1);
  equal(cache.bytes, 8);
});

Deno.test("ByteBoundedCache never keeps more than its bytes", () => {
  const cache = new ByteBoundedCache<string, number>(10);
  cache.set("a", 1, 10);
  cache.set("b", 2, 11);
  equal(cache.get("b"), undefined);
  equal(cache.get("a"), 1);
  cache.set("a", 3, 2);
  equal(cache.bytes, 2);
  cache.delete("a");
  equal(cache.bytes, 0);
});
