import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { hasCode } from "../error.ts";
import { testDisk } from "./contract_suite.ts";
import type { Disk } from "./disk.ts";
import { MemoryDisk, PowerLoss } from "./memory_disk.ts";

testDisk("MemoryDisk", async (run) => await run(new MemoryDisk()));

function contentOf(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path);
  const buffer = new Uint8Array(file.size());
  file.readAt(buffer, 0);
  file.close();
  return buffer;
}

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);

Deno.test("MemoryDisk.crash() keeps everything that was synced", async () => {
  for (const seed of SEEDS) {
    const disk = new MemoryDisk();
    disk.makeDirectory("d");
    await disk.syncDirectory("");
    const file = disk.open("d/f", { write: true, create: true });
    file.writeAt(new Uint8Array(3000).fill(1), 0);
    await file.syncData();
    await disk.syncDirectory("d");
    file.writeAt(new Uint8Array(3000).fill(2), 3000);
    const found = contentOf(disk.crash(seed), "d/f");
    deepEqual(found.subarray(0, 3000), new Uint8Array(3000).fill(1));
  }
});

Deno.test("MemoryDisk.crash() loses, keeps and tears what was not synced", async () => {
  const outcomes = new Set<string>();
  for (const seed of SEEDS) {
    const disk = new MemoryDisk();
    const file = disk.open("f", { write: true, create: true });
    await disk.syncDirectory("");
    file.writeAt(new Uint8Array(1024).fill(1), 0);
    const found = contentOf(disk.crash(seed), "f");
    const kept = found.filter((byte) => byte === 1).length;
    outcomes.add(kept === 0 ? "lost" : kept === 1024 ? "kept" : "torn");
  }
  deepEqual([...outcomes].sort(), ["kept", "lost", "torn"]);
});

Deno.test("MemoryDisk.crash() may lose a name that was not synced", async () => {
  const outcomes = new Set<boolean>();
  for (const seed of SEEDS) {
    const disk = new MemoryDisk();
    const file = disk.open("f", { write: true, create: true });
    await file.syncData();
    outcomes.add(disk.crash(seed).exists("f"));
  }
  equal(outcomes.size, 2);
});

Deno.test("MemoryDisk.crash() leaves a rename done or undone, never half", async () => {
  const outcomes = new Set<string>();
  for (const seed of SEEDS) {
    const disk = new MemoryDisk();
    for (const name of ["a", "b"]) {
      const file = disk.open(name, { write: true, create: true });
      file.writeAt(new TextEncoder().encode(name), 0);
      await file.syncData();
    }
    await disk.syncDirectory("");
    disk.rename("a", "b");
    const after = disk.crash(seed);
    outcomes.add(`${after.list("")} ${new TextDecoder().decode(contentOf(after, "b"))}`);
  }
  deepEqual([...outcomes].sort(), ["a,b b", "b a"]);
});

Deno.test("MemoryDisk answers PowerLoss after a crash", async () => {
  const disk = new MemoryDisk();
  const file = disk.open("f", { write: true, create: true });
  disk.crash(1);
  throws(() => file.writeAt(new Uint8Array(1), 0), PowerLoss);
  throws(() => disk.list(""), PowerLoss);
  await rejects(async () => await disk.syncDirectory(""), PowerLoss);
});

Deno.test("MemoryDisk.kill() keeps everything that was written", () => {
  const disk = new MemoryDisk();
  const file = disk.open("f", { write: true, create: true });
  file.writeAt(new Uint8Array([1, 2, 3]), 0);
  deepEqual([...contentOf(disk.kill(), "f")], [1, 2, 3]);
});

Deno.test("MemoryDisk loses power in the change that was asked for", () => {
  const disk = new MemoryDisk({ changesUntilPowerLoss: 2 });
  const file = disk.open("f", { write: true, create: true });
  file.writeAt(new Uint8Array(1), 0);
  throws(() => file.writeAt(new Uint8Array(1), 1), PowerLoss);
  equal(disk.off, true);
});

Deno.test("MemoryDisk is full at its capacity, after writing what fits", () => {
  const disk = new MemoryDisk({ capacityBytes: 10 });
  const file = disk.open("f", { write: true, create: true });
  file.writeAt(new Uint8Array(8), 0);
  throws(() => file.writeAt(new Uint8Array(8), 8), (error) => hasCode(error, "disk-full"));
  equal(file.size(), 10);
  file.truncate(8);
  file.writeAt(new Uint8Array(2), 8);
});

Deno.test("MemoryDisk loses what a failed sync covered, even if the next one succeeds", async () => {
  let failing = true;
  const disk = new MemoryDisk({ failSync: (path) => path === "f" && failing });
  const file = disk.open("f", { write: true, create: true });
  await disk.syncDirectory("");
  file.writeAt(new Uint8Array([1]), 0);
  await rejects(() => file.syncData(), (error) => hasCode(error, "corrupt"));
  failing = false;
  file.writeAt(new Uint8Array([2]), 1);
  await file.syncData();
  deepEqual([...contentOf(disk, "f")], [1, 2]);
  for (const seed of SEEDS) deepEqual([...contentOf(disk.crash(seed), "f")], [0, 2]);
});
