/**
 * Many large pushes and clones at once stay within `--memory`, and none is refused: those that do not
 * fit wait.
 */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { git } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { temporaryDirectory } from "../harness/temp.ts";

const MIB = 1024 * 1024;
const RESIDENT_BYTES_MAX = 512 * MIB;
const PUSHES = 4;
const CLONES = 4;
const FILES = 6;
const FILE_BYTES = 4 * MIB;
/** Nothing is gained by compressing random bytes; it only takes the test's time. */
const STORE = ["-c", "core.compression=0", "-c", "pack.compression=0"];

/** What a metric says, all its labels together. */
async function metric(adminUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(name) && !line.startsWith("#"));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

Deno.test("pushes and clones that are too many for the memory wait for each other", async () => {
  await using temp = await temporaryDirectory();
  const source = temp.join("source");
  await git(["init", "-q", "-b", "main", source]);
  for (let file = 0; file < FILES; file++) {
    await Deno.writeFile(`${source}/file-${file}`, randomBytes(FILE_BYTES));
  }
  await git([...STORE, "-C", source, "add", "."]);
  await git(["-C", source, "commit", "-q", "-m", "all"]);
  await using server = await GitStratumServer.start({ flags: ["--memory", "512MiB"] });
  const adminUrl = /Metrics: (http:\S+)\/metrics/.exec(server.log)![1]!;
  const push = (name: string) =>
    git([...STORE, "-C", source, "push", "-q", server.url(name), "main"]);
  const clone = (number: number) =>
    git([
      ...STORE,
      "clone",
      "-q",
      "--bare",
      server.url("memory/first"),
      temp.join(`copy-${number}`),
    ]);
  await push("memory/first");
  await Promise.all([
    ...Array.from({ length: PUSHES }, (_, number) => push(`memory/push-${number}`)),
    ...Array.from({ length: CLONES }, (_, number) => clone(number)),
  ]);
  const peak = await server.peakMemoryBytes();
  assert.ok(
    peak <= RESIDENT_BYTES_MAX,
    `${PUSHES} pushes at once took ${Math.round(peak / MIB)} MiB`,
  );
  assert.ok(await metric(adminUrl, "gitstratum_memory_permit_waits_total") > 0, "some had to wait");
  assert.equal(await metric(adminUrl, "gitstratum_memory_permit_refusals_total"), 0);
  assert.equal(await metric(adminUrl, "gitstratum_memory_permits_bytes"), 0, "all is given back");
});
