/**
 * Promise P9: a 300 MB blob and a 500 MB pack go in and out below 512 MiB resident.
 */

import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { SeededRandom } from "./harness/seeded_random.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const MIB = 1024 * 1024;
const RESIDENT_BYTES_MAX = 512 * MIB;

/** Writes a file of incompressible bytes piece by piece. */
async function writeRandomFile(path: string, options: { bytes: number; seed: number }) {
  const random = new SeededRandom(options.seed);
  using file = await Deno.open(path, { create: true, write: true });
  for (let left = options.bytes; left > 0; left -= 4 * MIB) {
    const bytes = random.bytes(Math.min(left, 4 * MIB));
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  }
}

/** Nothing is gained by compressing random bytes; it only takes the test's time. */
const STORE = [
  "-c",
  "core.compression=0",
  "-c",
  "pack.compression=0",
  "-c",
  "core.bigFileThreshold=1m",
];

async function roundTrip(workTree: string, name: string): Promise<void> {
  await using server = await GitStratumServer.start();
  const url = server.url(name);
  await git([...STORE, "-C", workTree, "push", "-q", url, "HEAD:refs/heads/main"]);
  const pushed = await server.peakMemoryBytes();
  assert.ok(pushed <= RESIDENT_BYTES_MAX, `push took ${Math.round(pushed / MIB)} MiB`);
  await using temp = await temporaryDirectory();
  const copy = temp.join("copy.git");
  await git([...STORE, "clone", "-q", "--bare", url, copy]);
  const cloned = await server.peakMemoryBytes();
  assert.ok(cloned <= RESIDENT_BYTES_MAX, `clone took ${Math.round(cloned / MIB)} MiB`);
  assert.equal(
    await gitText(["-C", copy, "rev-parse", "main^{tree}"]),
    await gitText(["-C", workTree, "rev-parse", "HEAD^{tree}"]),
  );
}

Deno.test("a 300 MB blob goes in and out within 512 MiB", async () => {
  await using temp = await temporaryDirectory();
  const work = await initRepository(temp.join("work"));
  await writeRandomFile(`${work}/big.bin`, { bytes: 300 * MIB, seed: 1 });
  await git([...STORE, "-C", work, "add", "."]);
  await git(["-C", work, "commit", "-q", "-m", "big"]);
  await roundTrip(work, "memory/blob");
});

Deno.test("a 500 MB pack goes in and out within 512 MiB", async () => {
  await using temp = await temporaryDirectory();
  const work = await initRepository(temp.join("work"));
  for (let number = 0; number < 125; number++) {
    await writeRandomFile(`${work}/part${number}.bin`, { bytes: 4 * MIB, seed: 100 + number });
  }
  await git([...STORE, "-C", work, "add", "."]);
  await git(["-C", work, "commit", "-q", "-m", "many"]);
  await roundTrip(work, "memory/pack");
});
