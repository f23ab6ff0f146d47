import assert from "node:assert/strict";
import { processTree, whileItLives } from "./servers/process_usage.ts";

const main = new URL("./main.ts", import.meta.url).pathname;

function lives(pid: number): boolean {
  const status = whileItLives(() => Deno.readTextFileSync(`/proc/${pid}/status`));
  return status !== undefined && !/^State:\s+Z/m.test(status);
}

Deno.test("interruptible() leaves no process behind", async () => {
  const scratch = await Deno.makeTempDir();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "--tiny", "--only", "small-push", "--scratch", scratch],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // The title is printed before the first server or tool is started.
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("small-push");) {
    const { done, value } = await lines.read();
    assert.ok(!done, `The run ended before it was interrupted: ${text}`);
    text += value;
  }
  let started: number[] = [];
  while (started.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    started = processTree(child.pid).slice(1);
  }
  child.kill("SIGTERM");
  await lines.cancel();
  const { success } = await child.status;
  assert.equal(success, false);
  assert.deepEqual(started.filter(lives), []);
  await Deno.remove(scratch, { recursive: true });
});
