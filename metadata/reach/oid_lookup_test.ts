import { equal } from "node:assert/strict";
import { OidFanOut } from "./oid_fan_out.ts";
import { OidTable } from "./oid_table.ts";
import { dice } from "./testing/history.ts";

function randomOids(count: number, width: 20 | 32): string[] {
  const roll = dice(count);
  const oids = new Set<string>();
  while (oids.size < count) {
    // A third begin alike, as ground-out ids would.
    const bytes = Uint8Array.from(
      { length: width },
      (_, at) => oids.size % 3 === 0 && at < 6 ? 7 : roll(256),
    );
    oids.add(bytes.toHex());
  }
  return [...oids];
}

for (const width of [20, 32] as const) {
  Deno.test(`OidTable and OidFanOut find every id and no other (${width} bytes)`, () => {
    const oids = randomOids(5000, width);
    const present = oids.slice(0, 4000);
    const table = new OidTable(width);
    present.forEach((oid, position) => table.add(Uint8Array.fromHex(`ff${oid}`), 1, position));
    const sorted = present.toSorted();
    const fanOut = new OidFanOut(Uint8Array.fromHex(sorted.join("")), width);
    oids.forEach((oid, position) => {
      const bytes = Uint8Array.fromHex(`00${oid}00`);
      equal(table.find(bytes, 1), position < 4000 ? position : -1);
      equal(fanOut.find(bytes, 1), position < 4000 ? sorted.indexOf(oid) : -1);
    });
    equal(table.count, 4000);
  });
}

Deno.test("OidFanOut finds nothing in an empty table", () => {
  equal(new OidFanOut(new Uint8Array(0), 20).find(new Uint8Array(20), 0), -1);
});
