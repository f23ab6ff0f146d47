import assert from "node:assert/strict";
import { Kernels, KeyTable, SKIP_CLASS } from "./mod.ts";
import { RandomBytes } from "./reference/random_bytes.ts";

const ROOM_BYTES = 1 << 14;
const kernels = Kernels.create();
const baseRoom = kernels.alloc(ROOM_BYTES);
const room = kernels.alloc(ROOM_BYTES);
const suspectsPointer = kernels.alloc(4 * 64);

const FLAGS_OF_CLASS = new Uint8Array(16).fill(SKIP_CLASS);
FLAGS_OF_CLASS[4] = 2;
FLAGS_OF_CLASS[8] = 4;
const OPTIONS = { flagsOfClass: FLAGS_OF_CLASS, value: 7 };

interface Entry {
  readonly mode: string;
  readonly name: string;
  readonly id: string;
}

interface Region {
  readonly pointer: number;
  readonly bytes: number;
}

function bytesOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const head = ({ mode, name }: Entry) => new TextEncoder().encode(`${mode} ${name}\0`).toHex();
  return Uint8Array.fromHex(entries.map((entry) => head(entry) + entry.id).join(""));
}

function sorted(entries: readonly Entry[]): Entry[] {
  const key = ({ mode, name }: Entry) => `${name}${mode === "40000" ? "/" : ""}`;
  return entries.toSorted((one, other) => key(one) < key(other) ? -1 : 1);
}

/** Puts a tree into a room in which everything else is `filler`. */
function placed(bytes: Uint8Array, room: number, filler = 0): Region {
  kernels.view(room, ROOM_BYTES).fill(filler);
  const pointer = room + 64;
  kernels.write(pointer, bytes);
  return { pointer, bytes: bytes.length };
}

function suspectCount(region: Region, idBytes: number): number | undefined {
  const options = { idBytes, suspectsPointer, countMax: 64 };
  return kernels.checkTree(region.pointer, region.bytes, options);
}

/** What a table holds: ids and their flags. */
function heldBy(table: KeyTable): Map<string, number> {
  return new Map(Array.from({ length: table.count }, (_, row) => {
    return [kernels.read(table.keyPointer(row), table.keyBytes).toHex(), table.flags(row)];
  }));
}

/** Ids that the trees hold, as the scan of whole trees finds them. */
function heldAfterScans(regions: readonly Region[], keyBytes: number): Map<string, number> {
  const table = new KeyTable(kernels, { keyBytes, seed: 1n });
  for (const { pointer, bytes } of regions) table.scanRecords(pointer, bytes, OPTIONS);
  const held = heldBy(table);
  table.close();
  return held;
}

/** Whether the kernel takes the tree for one like the base; fails when it does so wrongly. */
function isLike(base: Uint8Array, tree: Uint8Array, idBytes: number): boolean {
  const results = [0, 0x30, 0xff].map((filler) => (
    isLikeBetween(placed(base, baseRoom, filler), placed(tree, room, filler), idBytes)
  ));
  assert.equal(new Set(results).size, 1, "what lies around the trees has no part in it");
  return results[0]!;
}

function isLikeBetween(baseRegion: Region, region: Region, idBytes: number): boolean {
  const table = new KeyTable(kernels, { keyBytes: idBytes, seed: 1n });
  table.scanRecords(baseRegion.pointer, baseRegion.bytes, OPTIONS);
  const result = table.scanTreeChanges(baseRegion, region, OPTIONS);
  if (result) {
    assert.deepEqual(heldBy(table), heldAfterScans([baseRegion, region], idBytes));
    assert.notEqual(suspectCount(region, idBytes), undefined, "a tree like its base is in order");
  }
  table.close();
  return result;
}

const MODES = ["100644", "40000", "100755", "120000", "160000"];

function randomTree(random: RandomBytes, idBytes: number): Entry[] {
  const names = new Set<string>();
  for (let count = random.below(30); count > 0; count--) {
    names.add(random.pick(["a", "b", "lib-", "x".repeat(16), "y".repeat(31)]) + random.below(60));
  }
  return sorted([...names].map((name) => (
    { mode: random.pick(MODES), name, id: random.noise(idBytes).toHex() }
  )));
}

/** Other ids for some entries, and some entries left out. */
function withChanges(random: RandomBytes, entries: readonly Entry[], idBytes: number): Entry[] {
  return entries
    .filter(() => random.below(10) > 0)
    .map((entry) => random.below(4) > 0 ? entry : { ...entry, id: random.noise(idBytes).toHex() });
}

Deno.test("KeyTable.scanTreeChanges() takes a tree with other ids, or with fewer entries", () => {
  for (const idBytes of [20, 32]) {
    const random = new RandomBytes(idBytes);
    for (let round = 0; round < 500; round++) {
      const base = randomTree(random, idBytes);
      const tree = withChanges(random, base, idBytes);
      assert.ok(isLike(bytesOf(base), bytesOf(tree), idBytes), JSON.stringify({ base, tree }));
    }
  }
});

Deno.test("KeyTable.scanTreeChanges() leaves new names, new modes and another order to others", () => {
  const random = new RandomBytes(3);
  for (let round = 0; round < 500; round++) {
    const base = randomTree(random, 20);
    if (base.length < 2) continue;
    const index = random.below(base.length - 1);
    const entry = base[index]!;
    const others = {
      added: sorted([...base, { ...entry, name: `${entry.name}0` }]),
      mode: base.with(index, { ...entry, mode: entry.mode === "40000" ? "100644" : "40000" }),
      order: base.with(index, base[index + 1]!).with(index + 1, entry),
      twice: base.toSpliced(index, 0, entry),
      zero: base.with(index, { ...entry, id: "0".repeat(40) }),
    };
    for (const [what, tree] of Object.entries(others)) {
      assert.equal(isLike(bytesOf(base), bytesOf(tree), 20), false, what);
    }
  }
});

Deno.test("KeyTable.scanTreeChanges() leaves another id behind a special name to others", () => {
  const file = (name: string, digit: number) => (
    { mode: "100644", name, id: digit.toString(16).repeat(40) }
  );
  for (const name of [".gitmodules", ".gitattributes", "GITMOD~1", ".git\u200cmodules", "a\\b"]) {
    const base = sorted([file("Makefile", 1), file(name, 2), file("zoo", 3)]);
    assert.notEqual(suspectCount(placed(bytesOf(base), baseRoom), 20), undefined);
    const changed = (which: string) =>
      base.map((entry) => entry.name === which ? { ...entry, id: "f".repeat(40) } : entry);
    assert.equal(isLike(bytesOf(base), bytesOf(changed(name)), 20), false, name);
    assert.equal(isLike(bytesOf(base), bytesOf(changed("zoo")), 20), true, name);
  }
});

Deno.test("KeyTable.scanTreeChanges() takes nothing that is damaged for a tree in order", () => {
  const random = new RandomBytes(9);
  let likeCount = 0;
  for (let round = 0; round < 3000; round++) {
    const base = randomTree(random, 20);
    const damaged = random.damaged(bytesOf(withChanges(random, base, 20)));
    if (isLike(bytesOf(base), damaged, 20)) likeCount++;
  }
  // Damage inside of ids leaves a tree as it was.
  assert.ok(likeCount > 100 && likeCount < 2900, `${likeCount} were like their base`);
});
