/**
 * A command that reads a file and ends: `git index-pack`, `git receive-pack`.
 *
 * @module
 */

import { gitEnvironment } from "../../tests/harness/git.ts";
import type { Measured } from "./metered_server.ts";
import { PeakWatch, reapedCpuSeconds } from "./process_usage.ts";

/**
 * Runs git on a file as standard input and measures it. Nothing else may be waited for meanwhile,
 * because CPU time is that of all children that end.
 *
 * @throws when it exits non-zero
 */
export async function measureGit(
  args: readonly string[],
  inputFile: string,
): Promise<Measured<string>> {
  const cpuBefore = reapedCpuSeconds();
  const start = performance.now();
  const child = new Deno.Command("sh", {
    // The shell opens the file, so that no byte passes through this process.
    args: ["-c", 'input=$1; shift; exec git "$@" < "$input"', "sh", inputFile, ...args],
    env: gitEnvironment(),
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const watch = new PeakWatch(() => [child.pid]);
  const { code, stdout, stderr } = await child.output();
  const wallSeconds = (performance.now() - start) / 1000;
  const peakBytes = watch.stop();
  if (code !== 0) {
    throw new Error(`git ${args.join(" ")} exited ${code}\n${new TextDecoder().decode(stderr)}`);
  }
  return {
    value: new TextDecoder().decode(stdout),
    wallSeconds,
    cpuSeconds: reapedCpuSeconds() - cpuBefore,
    peakBytes,
  };
}
