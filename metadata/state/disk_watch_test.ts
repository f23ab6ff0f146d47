import { equal } from "node:assert/strict";
import { ManualClock, silentLogger } from "@gitstratum/core";
import { DiskWatch } from "./disk_watch.ts";
import { DirectoryDisk } from "./table_disk.ts";

/** Lets time pass until the watch's answer is the one that is wanted. */
async function until(clock: ManualClock, watch: DiskWatch, isWell: boolean): Promise<void> {
  while (watch.isWell !== isWell) {
    await clock.advance(100);
    // The probe is a real file.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("DiskWatch believes a failed write until a larger one succeeds", async () => {
  const clock = new ManualClock();
  const directory = `${await Deno.makeTempDir()}/later`;
  const disk = new DirectoryDisk(directory);
  const watch = new DiskWatch({ disk, clock, logger: silentLogger });
  equal(watch.isWell, true);
  equal(watch.full, undefined);
  watch.failed(new Error("database or disk is full"));
  watch.failed(new Error("database or disk is full"));
  equal(watch.full, "lately");
  equal(watch.isHopeless, false);
  for (let second = 0; second < 9; second++) {
    await clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
    equal(watch.isWell, false, "there is no directory to write to");
  }
  equal(watch.full, "lasting");
  equal(watch.isHopeless, true);
  await Deno.mkdir(directory);
  await until(clock, watch, true);
  equal(watch.full, undefined);
  equal(watch.isHopeless, false);
  equal([...Deno.readDirSync(directory)].length, 0, "probes leave nothing behind");
  watch.failed(new Error("database or disk is full"));
  equal(watch.isWell, false);
  await watch.close();
  equal(clock.sleeping, 0);
  await Deno.remove(directory, { recursive: true });
});
