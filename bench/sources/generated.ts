/**
 * Repositories made from a seed, for runs that are given none.
 *
 * @module
 */

import { git } from "../../tests/harness/git.ts";
import { generateHistory, initRepository } from "../../tests/harness/history.ts";
import { SeededRandom } from "../../tests/harness/seeded_random.ts";

/** Size of one blob of a large repository. */
const LARGE_BLOB_BYTES = 4 * 1024 * 1024;

/** A history of text files that grow, in a few branches. */
export function generateText(path: string, commits: number): Promise<string> {
  return generateHistory(path, { seed: 4, commits, files: Math.max(10, Math.ceil(commits / 10)) });
}

function randomBlobs(bytes: number): ReadableStream<Uint8Array> {
  const random = new SeededRandom(500);
  const encoder = new TextEncoder();
  let left = bytes;
  let number = 0;
  return new ReadableStream({
    start(controller) {
      const person = "A U Thor <author@example.com> 1700000000 +0000";
      controller.enqueue(
        encoder.encode(`commit refs/heads/main\ncommitter ${person}\ndata 6\nlarge\n\n`),
      );
    },
    pull(controller) {
      if (left <= 0) return controller.close();
      const size = Math.min(left, LARGE_BLOB_BYTES);
      left -= size;
      const line = `M 100644 inline part${number++}.bin\ndata ${size}\n`;
      controller.enqueue(encoder.encode(line));
      controller.enqueue(random.bytes(size));
      controller.enqueue(encoder.encode("\n"));
    },
  });
}

/** A repository whose pack has about this many bytes, which nothing compresses. */
export async function generateLarge(path: string, bytes: number): Promise<string> {
  await initRepository(path, { bare: true });
  // Deltas between random bytes are looked for in vain.
  const settings = { "core.compression": "0", "core.bigFileThreshold": "1m" };
  for (const [name, value] of Object.entries(settings)) {
    await git(["-C", path, "config", name, value]);
  }
  const child = new Deno.Command("git", {
    args: ["-C", path, "fast-import", "--quiet"],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const [{ code, stderr }] = await Promise.all([
    child.output(),
    randomBlobs(bytes).pipeTo(child.stdin),
  ]);
  if (code !== 0) throw new Error(`The import failed: ${new TextDecoder().decode(stderr)}`);
  return path;
}
