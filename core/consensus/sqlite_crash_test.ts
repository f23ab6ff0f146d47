import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { hasCode } from "../error.ts";
import { ManualClock } from "../manual_clock.ts";
import { systemRandom } from "../random.ts";
import { ConsensusLog } from "./consensus_log.ts";
import type { Lsn, Partition } from "./log.ts";
import { SqliteConsensus } from "./sqlite_consensus.ts";

const APPENDER = fileURLToPath(new URL("./log_appender_process.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const COMMAND = ["run", "-A", "--no-check", "--config", CONFIG, APPENDER];

/** Lines of a child's output as they come. */
async function* lines(child: Deno.ChildProcess): AsyncGenerator<string> {
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** Last acknowledged lsn of each partition, from the lines that were printed. */
function note(acknowledged: Map<number, number>, line: string): void {
  const [partition, lsn] = line.split(" ").map(Number);
  acknowledged.set(partition!, lsn!);
}

async function checkLogs(path: string, acknowledged: ReadonlyMap<number, number>): Promise<void> {
  const clock = new ManualClock();
  const consensus = new SqliteConsensus(path, { clock, random: systemRandom });
  const log = new ConsensusLog(consensus);
  for (const [number, lsn] of acknowledged) {
    const partition = number as Partition;
    const head = await log.head(partition);
    const entries = await log.read(partition, 0 as Lsn, 1_000_000);
    assert.ok(head.lsn >= lsn, `partition ${number} ends at ${head.lsn}, ${lsn} was acknowledged`);
    assert.equal(entries.length, head.lsn);
    for (const entry of entries) {
      const text = new TextDecoder().decode(entry.payload);
      assert.equal(text, `${number}:${entry.lsn} `.repeat(50));
    }
  }
  await consensus.close();
}

Deno.test("SqliteConsensus holds every acknowledged append after kill -9", async () => {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-crash-" });
  const path = `${directory}/consensus.sqlite`;
  const acknowledged = new Map<number, number>();
  for (const killAfter of [1, 37, 150, 411]) {
    const child = new Deno.Command(Deno.execPath(), { args: [...COMMAND, path], stdout: "piped" })
      .spawn();
    let count = 0;
    for await (const line of lines(child)) {
      note(acknowledged, line);
      if (++count === killAfter) child.kill("SIGKILL");
    }
    assert.equal((await child.status).signal, "SIGKILL");
    await checkLogs(path, acknowledged);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("SqliteConsensus refuses a file that another process has open", async () => {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-lock-" });
  const path = `${directory}/consensus.sqlite`;
  const child = new Deno.Command(Deno.execPath(), { args: [...COMMAND, path], stdout: "piped" })
    .spawn();
  const open = () => new SqliteConsensus(path, { clock: new ManualClock(), random: systemRandom });
  const output = lines(child);
  await output.next();
  assert.throws(open, (error) => hasCode(error, "unavailable"));
  child.kill("SIGKILL");
  for await (const _ of output);
  await child.status;
  await open().close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("SqliteConsensus stops for good when its device fails", async () => {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-device-" });
  const path = `${directory}/consensus.sqlite`;
  // Files may not grow beyond 1 MiB: writes then fail with EFBIG, as on a broken device.
  const script = `trap '' XFSZ; ulimit -f 2048; exec "$0" "$@"`;
  const child = new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), ...COMMAND, path],
    stdout: "piped",
  }).spawn();
  const acknowledged = new Map<number, number>();
  let last = "";
  for await (const line of lines(child)) {
    last = line;
    if (/^\d+ \d+$/.test(line)) note(acknowledged, line);
  }
  await child.status;
  assert.equal(last, "stopped");
  assert.equal(acknowledged.size, 4);
  await checkLogs(path, acknowledged);
  await Deno.remove(directory, { recursive: true });
});
