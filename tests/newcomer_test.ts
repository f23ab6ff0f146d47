/**
 * The README's session, as a newcomer runs it: a fresh clone of this project in an empty directory,
 * the start task, a push, a clone.
 */

import assert from "node:assert/strict";
import { assertSameRepository } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { projectRoot } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { temporaryDirectory } from "./harness/temp.ts";

/** Everything from the first start: kernels are built, the server comes up. */
const START_TIMEOUT_MS = 120_000;

async function readUntil(stream: ReadableStream<string>, pattern: RegExp): Promise<string> {
  let text = "";
  const reader = stream.getReader();
  while (true) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The server ended before it served\n${text}`);
    text += value;
    const found = pattern.exec(text)?.[1];
    if (found === undefined) continue;
    reader.releaseLock();
    // Whatever follows is read and dropped, so that the server never waits for us.
    stream.pipeTo(new WritableStream()).catch(() => {});
    return found;
  }
}

Deno.test("a fresh clone of the project starts by its task and serves a push and a clone", async () => {
  await using temp = await temporaryDirectory();
  const checkout = temp.join("checkout");
  await git(["clone", "-q", projectRoot, checkout]);
  const readme = await Deno.readTextFile(`${checkout}/README.md`);
  assert.match(readme, /^\$ npx -y deno task start:frontend$/m);
  assert.match(readme, /^\$ npx -y deno task test$/m);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "start:frontend", "--http", "127.0.0.1:0", "--ssh", "127.0.0.1:0"],
    cwd: checkout,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    signal: AbortSignal.timeout(START_TIMEOUT_MS),
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream() as never);
  const origin = await readUntil(output as never, /(http:\/\/[^\s/]+:\d+)/);
  const source = await generateHistory(temp.join("source.git"), { seed: 91, commits: 60 });
  await git(["-C", source, "push", "-q", "--mirror", `${origin}/me/project.git`]);
  await git(["clone", "-q", "--mirror", `${origin}/me/project.git`, temp.join("copy.git")]);
  await assertSameRepository(temp.join("copy.git"), source);
  assert.equal((await Deno.stat(`${checkout}/data`)).isDirectory, true);
  child.kill("SIGTERM");
  assert.equal((await child.status).success, true);
  // Nothing that a start writes may look like a change of the project.
  assert.equal(await gitText(["-C", checkout, "status", "--porcelain"]), "");
});
