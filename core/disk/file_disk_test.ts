import { equal, throws } from "node:assert/strict";
import { hasCode } from "../error.ts";
import { testDisk } from "./contract_suite.ts";
import type { Disk } from "./disk.ts";
import { FileDisk } from "./file_disk.ts";

async function withDisk(run: (disk: Disk, root: string) => void | Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "gitstratum-disk-" });
  try {
    await run(new FileDisk(root), root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

testDisk("FileDisk", withDisk);

Deno.test("FileDisk.writeAt() reports a full disk", async () => {
  await withDisk((disk, root) => {
    // A device that has no room is part of every Linux.
    Deno.symlinkSync("/dev/full", `${root}/full`);
    const file = disk.open("full", { write: true });
    throws(() => file.writeAt(new Uint8Array(10), 0), (error) => hasCode(error, "disk-full"));
    file.close();
  });
});

Deno.test("FileDisk.lock() refuses a second process and outlives no kill", async () => {
  await withDisk(async (disk, root) => {
    const program = `
      import { FileDisk } from ${JSON.stringify(import.meta.resolve("./file_disk.ts"))};
      new FileDisk(Deno.args[0]).lock("lock");
      console.log("locked");
      setInterval(() => {}, 1000);
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--ext=ts", "-", root],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const stdin = child.stdin.getWriter();
    await stdin.write(new TextEncoder().encode(program));
    await stdin.close();
    const reader = child.stdout.getReader();
    equal(new TextDecoder().decode((await reader.read()).value), "locked\n");
    throws(() => disk.lock("lock"), (error) => hasCode(error, "denied"));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    disk.lock("lock").release();
  });
});
