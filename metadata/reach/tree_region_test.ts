import { concatBytes } from "@gitstratum/core";
import { deepEqual, ok } from "node:assert/strict";
import { TreeCursor } from "@gitstratum/core/git";
import { dice } from "./testing/history.ts";
import { differingRegion } from "./tree_region.ts";

function entry(name: string, oid: number): Uint8Array {
  return concatBytes([new TextEncoder().encode(`100644 ${name}\0`), new Uint8Array(20).fill(oid)]);
}

function entries(tree: Uint8Array): string[] {
  const cursor = new TreeCursor(tree, "sha1");
  const found: string[] = [];
  while (cursor.next()) found.push(`${cursor.name()} ${tree[cursor.oidOffset]}`);
  return found;
}

Deno.test("differingRegion() drops equal entries in front and behind, and nothing else", () => {
  const roll = dice(1);
  let dropped = 0;
  for (let round = 0; round < 3000; round++) {
    const names = Array.from({ length: 12 }, (_, at) => `n${at}`).filter(() => roll(4) > 0);
    // Few ids, so that bytes of neighbours are often equal across entry borders.
    const make = () =>
      names.filter(() => roll(8) > 0).map((name) => entry(name, roll(6) === 0 ? roll(3) : 1));
    const [tree, base] = [concatBytes(make()), concatBytes(make())];
    const region = differingRegion(tree, base, "sha1");
    const inside = entries(tree.subarray(region.start, region.end));
    const baseInside = entries(base.subarray(region.start, region.baseEnd));
    deepEqual(
      [
        ...entries(tree.subarray(0, region.start)),
        ...inside,
        ...entries(tree.subarray(region.end)),
      ],
      entries(tree),
    );
    deepEqual(entries(tree.subarray(0, region.start)), entries(base.subarray(0, region.start)));
    deepEqual(entries(tree.subarray(region.end)), entries(base.subarray(region.baseEnd)));
    dropped += entries(tree).length - inside.length + entries(base).length - baseInside.length;
  }
  ok(dropped > 10_000, "Most of equal trees is dropped");
});

Deno.test("differingRegion() is not misled by a name that ends like an entry", () => {
  const tree = concatBytes([entry("b", 1), entry("zzzz", 7)]);
  const base = concatBytes([entry("a", 2), entry("x100644 zzzz", 7)]);
  const region = differingRegion(tree, base, "sha1");
  deepEqual(region, { start: 0, end: tree.length, baseEnd: base.length });
});
