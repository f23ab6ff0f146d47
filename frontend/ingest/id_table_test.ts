import assert from "node:assert/strict";
import fc from "fast-check";
import { IdTable } from "./id_table.ts";
import { ObjectRing } from "./object_ring.ts";

const seed = new Uint8Array(64).map((_, index) => index * 37);

Deno.test("IdTable gives each id one row", () => {
  const id = fc.uint8Array({ minLength: 20, maxLength: 20, max: 3 });
  fc.assert(fc.property(fc.array(id, { maxLength: 300 }), (ids) => {
    const table = new IdTable(20, seed);
    const rows = new Map<string, number>();
    for (const bytes of ids) {
      const hex = bytes.toHex();
      assert.equal(table.find(bytes, 0), rows.get(hex) ?? -1);
      const row = table.insert(bytes, 0);
      assert.equal(row, rows.get(hex) ?? rows.size);
      rows.set(hex, row);
    }
    assert.equal(table.count, rows.size);
    for (const [hex, row] of rows) assert.equal(table.hex(row), hex);
  }));
});

Deno.test("IdTable keeps rows, flags and entries while it grows", () => {
  const table = new IdTable(32, seed);
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < 20_000; row++) {
    view.setUint32(30, row);
    assert.equal(table.insert(bytes, 5), row);
    table.entries[row] = row;
    table.flags[row] = row & 7;
  }
  for (let row = 0; row < 20_000; row++) {
    view.setUint32(30, row);
    assert.equal(table.find(bytes, 5), row);
    assert.deepEqual([table.entries[row], table.flags[row]], [row, row & 7]);
  }
});

Deno.test("ObjectRing holds exactly what was not overwritten", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (sizes) => {
    const ring = new ObjectRing(1000, 100);
    const owner = new Int32Array(100).fill(-1);
    const places: number[] = [];
    sizes.forEach((size, index) => {
      const survivors = places.map((place) => ring.survives(place, size));
      const place = ring.reserve(size);
      places.push(place);
      const start = ring.pointerOf(place) - 1000;
      assert.ok(start + size <= 100);
      owner.fill(index, start, start + size);
      places.slice(0, -1).forEach((other, at) => {
        assert.equal(ring.holds(other), survivors[at]);
        if (!ring.holds(other) || sizes[at] === 0) return;
        const from = ring.pointerOf(other) - 1000;
        assert.ok(owner.subarray(from, from + sizes[at]!).every((value) => value === at));
      });
    });
  }));
});
