import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { hasCode, ManualClock, SeededRandom } from "@gitstratum/core";
import { type Disk, type DiskFaults, FileDisk, MemoryDisk } from "@gitstratum/core/disk";
import { checksum64 } from "./checksum.ts";
import { SegmentStore } from "./segment_store.ts";

const SEGMENT_BYTES = 100_000;

interface Opened {
  readonly store: SegmentStore;
  readonly failures: unknown[];
}

async function open(disk: Disk): Promise<Opened> {
  const failures: unknown[] = [];
  const store = await SegmentStore.open({
    disk,
    clock: new ManualClock(1000),
    random: new SeededRandom(5),
    segmentBytes: SEGMENT_BYTES,
    onFailure: (error) => failures.push(error),
  });
  return { store, failures };
}

const bytesOf = (seed: number, length: number) => new SeededRandom(seed).bytes(length);

function put(store: SegmentStore, key: string, bytes: Uint8Array): Promise<void> {
  return store.put([{ key, owner: "owner", bytes }]);
}

/** Changes a byte of a file behind the store's back. */
function flip(disk: Disk, path: string, offset: number): void {
  const file = disk.open(path, { write: true });
  const byte = new Uint8Array(1);
  file.readAt(byte, offset);
  byte[0]! ^= 1;
  file.writeAt(byte, offset);
  file.close();
}

function segmentFiles(disk: Disk): string[] {
  return disk.list("segments").filter((name) => name.endsWith(".seg"));
}

Deno.test("SegmentStore.open() takes a sealed store from its catalogues alone", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (let n = 0; n < 100; n++) await put(store, `key-${n}`, bytesOf(n, n * 40));
  await store.remove(["key-7", "key-8"]);
  const before = store.list({ limit: 1000 });
  await store.close();
  const { store: again } = await open(disk);
  deepEqual(again.report, { scannedSegments: 0, tornBytes: 0, rewrittenRecords: 0, damage: [] });
  deepEqual(again.list({ limit: 1000 }), before);
  deepEqual(again.read("key-50"), bytesOf(50, 2000));
  equal(again.stat("key-7"), undefined);
  await again.close();
});

Deno.test("SegmentStore.open() scans a segment whose catalogue is lost or damaged", async () => {
  for (const change of ["lose", "damage"]) {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    for (let n = 0; n < 10; n++) await put(store, `key-${n}`, bytesOf(n, 500));
    await store.close();
    if (change === "lose") disk.remove("segments/0000000001.idx");
    else flip(disk, "segments/0000000001.idx", 100);
    const { store: again } = await open(disk);
    equal(again.report.scannedSegments, 1);
    equal(again.list({ limit: 100 }).length, 10);
    for (let n = 0; n < 10; n++) deepEqual(again.read(`key-${n}`), bytesOf(n, 500));
    await again.close();
  }
});

Deno.test("SegmentStore.open() scans only what no catalogue covers", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (let n = 0; n < 40; n++) await put(store, `key-${n}`, bytesOf(n, 1000));
  equal(disk.exists("segments/0000000001.idx"), true);
  const after = disk.kill();
  // Not covered, this would be found damaged now; covered, it is found when it is read.
  flip(after, "segments/0000000001.seg", 600);
  const { store: again } = await open(after);
  deepEqual(again.report.damage, []);
  equal(again.list({ limit: 100 }).length, 40);
  throws(() => again.read("key-0"), (error) => hasCode(error, "corrupt"));
  for (let n = 1; n < 40; n++) deepEqual(again.read(`key-${n}`), bytesOf(n, 1000));
  await again.close();
});

Deno.test("SegmentStore.open() keeps what was written before a kill", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (let n = 0; n < 10; n++) await put(store, `key-${n}`, bytesOf(n, 500));
  const { store: again } = await open(disk.kill());
  // Only the last record has nothing behind it that proves it durable.
  equal(again.report.rewrittenRecords, 1);
  for (let n = 0; n < 10; n++) deepEqual(again.read(`key-${n}`), bytesOf(n, 500));
  await again.close();
});

Deno.test("SegmentStore.open() cuts a torn tail and says so", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  await put(store, "a", bytesOf(1, 500));
  await put(store, "b", bytesOf(2, 500));
  const after = disk.kill();
  flip(after, "segments/0000000001.seg", 900);
  const { store: again } = await open(after);
  equal(again.report.tornBytes > 500, true);
  deepEqual(again.report.damage, []);
  deepEqual(again.read("a"), bytesOf(1, 500));
  equal(again.stat("b"), undefined);
  await again.close();
});

Deno.test("SegmentStore.open() reports damage before the durable end, now and later", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (const key of ["a", "b", "c", "d"]) await put(store, key, bytesOf(1, 500));
  let after = disk.kill();
  flip(after, "segments/0000000001.seg", 900);
  for (let start = 0; start < 3; start++) {
    const { store: again } = await open(after);
    deepEqual(again.report.damage.map((damage) => damage.segment), [1]);
    deepEqual(again.list({ limit: 10 }).map((info) => info.key), ["a", "c", "d"]);
    equal(again.stats().damagedBytes > 500, true);
    await again.compact({ deadPart: 0.01 });
    equal(after.exists("segments/0000000001.seg"), true);
    await again.close();
    after = after.kill();
  }
});

Deno.test("SegmentStore.open() puts a segment without header out of the way, and says so", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  await put(store, "a", bytesOf(1, 500));
  const after = disk.kill();
  flip(after, "segments/0000000001.seg", 5);
  const { store: again } = await open(after);
  deepEqual(again.report.damage.map((damage) => [damage.segment, damage.offset]), [[1, 0]]);
  equal(after.exists("segments/0000000001.bad"), true);
  await put(again, "b", bytesOf(2, 10));
  await again.close();
  deepEqual(segmentFiles(after), ["0000000002.seg"]);
});

Deno.test("SegmentStore.open() refuses what a newer version wrote, and changes nothing", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  await put(store, "a", bytesOf(1, 500));
  const after = disk.kill();
  const file = after.open("segments/0000000001.seg", { write: true });
  const header = new Uint8Array(32);
  file.readAt(header, 0);
  header[4] = 2;
  new DataView(header.buffer).setBigUint64(24, checksum64(header.subarray(0, 24)), true);
  file.writeAt(header, 0);
  file.close();
  await rejects(() => open(after), (error) => hasCode(error, "unsupported"));
  deepEqual(segmentFiles(after), ["0000000001.seg"]);
});

Deno.test("SegmentStore.open() refuses a directory that is in use, until it is closed", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  await rejects(() => open(disk), (error) => hasCode(error, "denied"));
  await store.close();
  await (await open(disk)).store.close();
});

Deno.test("SegmentStore.read() never serves damage, and serves the blocks beside it", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  const bytes = bytesOf(1, 300_000);
  await put(store, "key", bytes);
  flip(disk, "segments/0000000001.seg", 150_000);
  deepEqual(store.read("key", { offset: 0, length: 60_000 }), bytes.slice(0, 60_000));
  deepEqual(store.read("key", { offset: 200_000, length: 100_000 }), bytes.slice(200_000));
  throws(() => store.read("key", { offset: 149_000, length: 5 }), (e) => hasCode(e, "corrupt"));
  throws(() => store.read("key"), (error) => hasCode(error, "corrupt"));
  deepEqual(store.corruptKeys(), ["key"]);
  await put(store, "key", bytes);
  deepEqual(store.read("key"), bytes);
  deepEqual(store.corruptKeys(), []);
  await store.close();
});

Deno.test("SegmentStore.scrub() names exactly the damaged keys", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (let n = 0; n < 100; n++) await put(store, `key-${n}`, bytesOf(n, 900));
  deepEqual((await store.scrub()).corruptKeys, []);
  flip(disk, "segments/0000000001.seg", 20_500);
  flip(disk, "segments/0000000001.seg", 40_500);
  const result = await store.scrub();
  deepEqual([result.keyCount, result.corruptKeyCount, result.complete], [100, 2, true]);
  for (const key of result.corruptKeys) {
    throws(() => store.read(key), (error) => hasCode(error, "corrupt"));
  }
  await store.close();
});

Deno.test("SegmentStore.compact() gives space back and keeps what counts", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
  for (const [n, key] of keys.entries()) await put(store, key, bytesOf(n, 1000));
  const removed = keys.filter((_, index) => index % 10 !== 0);
  await store.remove(removed);
  const before = disk.bytes;
  const result = await store.compact();
  equal(result.freedBytes > 700_000, true);
  equal(disk.bytes < before / 3, true);
  for (const [n, key] of keys.entries()) {
    if (n % 10 === 0) deepEqual(store.read(key), bytesOf(n, 1000));
    else equal(store.stat(key), undefined);
  }
  await store.close();
  const { store: again } = await open(disk);
  equal(again.list({ limit: 10_000 }).length, 100);
  await again.close();
});

Deno.test("SegmentStore.compact() drops deletes when nothing needs them any more", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (let round = 0; round < 10; round++) {
    const keys = Array.from({ length: 100 }, (_, index) => `key-${round}-${index}`);
    await store.put(keys.map((key) => ({ key, owner: "o", bytes: new Uint8Array(1000) })));
    await store.remove(keys);
  }
  await store.close();
  const { store: again } = await open(disk);
  await again.compact();
  await again.compact();
  equal(again.stats().deleteCount, 0);
  equal(disk.bytes < 100_000, true);
  await again.close();
});

Deno.test("SegmentStore.compact() joins small segments", async () => {
  const disk = new MemoryDisk();
  for (let round = 0; round < 10; round++) {
    const { store } = await open(disk);
    await put(store, `key-${round}`, bytesOf(round, 100));
    await store.close();
  }
  equal(segmentFiles(disk).length, 10);
  const { store } = await open(disk);
  await store.compact();
  await store.close();
  equal(segmentFiles(disk).length, 1);
  const { store: again } = await open(disk);
  for (let round = 0; round < 10; round++) {
    deepEqual(again.read(`key-${round}`), bytesOf(round, 100));
  }
  await again.close();
});

Deno.test("SegmentStore goes on after a full disk, with all it acknowledged", async () => {
  const faults: DiskFaults = { capacityBytes: 50_000 };
  const disk = new MemoryDisk(faults);
  const { store, failures } = await open(disk);
  const stored: string[] = [];
  let full = 0;
  for (let n = 0; n < 100; n++) {
    try {
      await put(store, `key-${n}`, bytesOf(n, 1000));
      stored.push(`key-${n}`);
    } catch (error) {
      equal(hasCode(error, "disk-full"), true);
      full++;
    }
  }
  equal(full > 40 && stored.length > 40, true);
  await rejects(
    () => store.put([0, 1].map((n) => ({ key: `x${n}`, owner: "o", bytes: bytesOf(n, 2000) }))),
    (error) => hasCode(error, "disk-full"),
  );
  delete faults.capacityBytes;
  await put(store, "last", bytesOf(200, 1000));
  deepEqual(failures, []);
  deepEqual(store.list({ limit: 1000 }).map((i) => i.key), [...stored, "last"].sort());
  const { store: again } = await open(disk.crash(3));
  for (const key of stored) deepEqual(again.read(key), bytesOf(Number(key.slice(4)), 1000));
  await again.close();
});

Deno.test("SegmentStore opens on a full disk", async () => {
  const disk = new MemoryDisk();
  const { store } = await open(disk);
  for (let n = 0; n < 10; n++) await put(store, `key-${n}`, bytesOf(n, 1000));
  const after = disk.kill();
  after.faults.capacityBytes = after.bytes;
  const { store: again } = await open(after);
  for (let n = 0; n < 10; n++) deepEqual(again.read(`key-${n}`), bytesOf(n, 1000));
  await rejects(() => put(again, "more", bytesOf(1, 10)), (error) => hasCode(error, "disk-full"));
  await again.close();
});

Deno.test("SegmentStore writes nothing after a failed sync, and believes nothing it covered", async () => {
  let failing = false;
  const disk = new MemoryDisk({ failSync: () => failing });
  const { store, failures } = await open(disk);
  await put(store, "before", bytesOf(1, 100));
  failing = true;
  await rejects(() => put(store, "lost", bytesOf(2, 100)), (e) => hasCode(e, "unavailable"));
  failing = false;
  await rejects(() => put(store, "after", bytesOf(3, 100)), (e) => hasCode(e, "unavailable"));
  await rejects(() => store.remove(["before"]), (error) => hasCode(error, "unavailable"));
  equal(failures.length, 1);
  equal(store.stats().failed, true);
  deepEqual(store.read("before"), bytesOf(1, 100));
  await store.close();
  // The process starts again: its page cache still shows what never reached the disk.
  const { store: again } = await open(disk);
  await put(again, "lost", bytesOf(2, 100));
  for (let seed = 0; seed < 20; seed++) {
    const { store: last } = await open(disk.crash(seed));
    deepEqual(last.read("lost"), bytesOf(2, 100));
    deepEqual(last.read("before"), bytesOf(1, 100));
    await last.close();
  }
});

Deno.test("SegmentStore.put() of many callers shares syncs", async () => {
  let syncs = 0;
  const disk = new MemoryDisk({
    failSync: (path) => {
      if (path.endsWith(".seg")) syncs++;
      return false;
    },
  });
  const { store } = await open(disk);
  const puts = Array.from({ length: 200 }, (_, n) => put(store, `key-${n}`, bytesOf(n, 100)));
  await Promise.all(puts);
  equal(syncs, 1);
  await store.close();
});

Deno.test("SegmentStore.put() of a small value does not wait for the sync of a large one", async () => {
  const gate = Promise.withResolvers<void>();
  let large: string | undefined;
  const faults: DiskFaults = {};
  const disk = new MemoryDisk(faults);
  const { store } = await open(disk);
  faults.delaySync = (path) => {
    large ??= path;
    return path === large ? gate.promise : Promise.resolve();
  };
  const slow = put(store, "large", new Uint8Array(1_000_000));
  await put(store, "small", new Uint8Array(100));
  equal(store.stat("large"), undefined);
  gate.resolve();
  await slow;
  equal(store.stat("large")?.bytes, 1_000_000);
  await store.close();
});

Deno.test("SegmentStore refuses bad keys, and writes after it was closed", async () => {
  const { store } = await open(new MemoryDisk());
  for (const key of ["", "a b", "ä", "x".repeat(256), "a\n"]) {
    await rejects(() => put(store, key, new Uint8Array(1)), (error) => hasCode(error, "invalid"));
  }
  await put(store, "x".repeat(255), new Uint8Array(1));
  await store.close();
  await rejects(() => put(store, "k", new Uint8Array(1)), (e) => hasCode(e, "unavailable"));
});

Deno.test("SegmentStore lives on a real disk through a kill without a close", async () => {
  const root = await Deno.makeTempDir({ prefix: "gitstratum-store-" });
  const program = `
    import { checksum64 } from "./checksum.ts";
import { SegmentStore } from ${JSON.stringify(import.meta.resolve("./segment_store.ts"))};
    import { FileDisk } from "@gitstratum/core/disk";
    import { systemClock, systemRandom } from "@gitstratum/core";
    const store = await SegmentStore.open({
      disk: new FileDisk(Deno.args[0]), clock: systemClock, random: systemRandom,
    });
    for (let n = 0; ; n++) {
      await store.put([{ key: "key-" + n, owner: "o", bytes: new Uint8Array(n).fill(n) }]);
      console.log(n);
    }
  `;
  const file = await Deno.makeTempFile({ dir: import.meta.dirname!, suffix: "_kill.ts" });
  try {
    await Deno.writeTextFile(file, program);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", file, root],
      stdout: "piped",
    }).spawn();
    let output = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += chunk;
      if (output.split("\n").length > 200) break;
    }
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It may have met the closed pipe first.
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
    const last = Number(output.split("\n").at(-2));
    const { store } = await open(new FileDisk(root));
    for (let n = 0; n <= last; n++) deepEqual(store.read(`key-${n}`), new Uint8Array(n).fill(n));
    await store.close();
  } finally {
    await Deno.remove(file);
    await Deno.remove(root, { recursive: true });
  }
});
