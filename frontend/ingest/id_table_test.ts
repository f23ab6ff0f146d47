import assert from "node:assert/strict";
import fc from "fast-check";
import { KIB } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { IdTable } from "./id_table.ts";
import { IngestMemory } from "./ingest_memory.ts";
import { ObjectRing } from "./object_ring.ts";
import { tree } from "./testing/pack_maker.ts";

const SEED = new Uint8Array(8).map((_, index) => index * 37);

function tableOf(width: 20 | 32): { readonly table: IdTable; readonly memory: IngestMemory } {
  const memory = IngestMemory.create(64 * KIB);
  return { memory, table: new IdTable(memory, { width, seed: SEED }) };
}

Deno.test("IdTable gives each id one row", () => {
  const id = fc.uint8Array({ minLength: 20, maxLength: 20, max: 3 });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 300 }), (ids) => {
      const { table } = tableOf(20);
      const rows = new Map<string, number>();
      for (const bytes of ids) {
        const hex = bytes.toHex();
        assert.equal(table.findBytes(bytes), rows.get(hex) ?? -1);
        const row = table.insertBytes(bytes);
        assert.equal(row, rows.get(hex) ?? rows.size);
        rows.set(hex, row);
      }
      assert.equal(table.count, rows.size);
      for (const [hex, row] of rows) {
        assert.deepEqual([table.hex(row), table.entry(row)], [hex, -1]);
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("IdTable keeps rows, flags and entries while it grows", () => {
  const { table } = tableOf(32);
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (let row = 0; row < 20_000; row++) {
    view.setUint32(28, row);
    assert.equal(table.insertBytes(bytes), row);
    table.setEntry(row, row);
    table.addFlags(row, row & 7);
  }
  for (let row = 0; row < 20_000; row++) {
    view.setUint32(28, row);
    assert.equal(table.findBytes(bytes), row);
    assert.deepEqual([table.entry(row), table.flags(row)], [row, row & 7]);
  }
});

Deno.test("IdTable.linkTree() notes each entry's id with the type its mode expects", () => {
  const ids = ["1", "2", "3", "4", "5"].map((digit) => digit.repeat(40) as Oid);
  const modes = ["40000", "100644", "120000", "160000", "100755"];
  const bytes = tree(modes.map((mode, index) => [mode, `n${index}`, ids[index]!]));
  const { table, memory } = tableOf(20);
  const pointer = memory.deltaRoom(bytes.length);
  memory.bytes.set(bytes, pointer);
  table.linkTree(pointer, bytes.length);
  const types = ids.map((oid) => table.findBytes(Uint8Array.fromHex(oid)))
    .map((row) => row < 0 ? undefined : table.expectedType(row));
  assert.deepEqual(types, [2, 3, 3, undefined, 3]);
  assert.throws(() => table.linkTree(pointer, bytes.length - 1), { code: "invalid" });
});

Deno.test("ObjectRing holds exactly what was not overwritten", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (sizes) => {
    const ring = new ObjectRing(1000, { bytes: 100 });
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
