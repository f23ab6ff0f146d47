/**
 * An orderly end when somebody stops a run: the processes that it started end with it.
 *
 * @module
 */

import { processTree, whileItLives } from "./servers/process_usage.ts";

/** How long a run may take to clean up behind itself, in milliseconds. */
const CLEAN_UP_MS = 5000;

/** Kills everything below this process. */
function killDescendants(): void {
  for (const pid of processTree(Deno.pid).slice(1)) whileItLives(() => Deno.kill(pid, "SIGKILL"));
}

/**
 * Runs work. SIGINT and SIGTERM kill all servers and tools that it started, which makes it fail; it
 * then has a few seconds to remove its files before this process ends.
 */
export async function interruptible(work: () => Promise<void>): Promise<void> {
  const interrupted = Promise.withResolvers<void>();
  const onSignal = () => interrupted.resolve();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  const running = work();
  const isDone = await Promise.race([running.then(() => true), interrupted.promise]);
  if (isDone) return;
  killDescendants();
  const timer = Promise.withResolvers<void>();
  setTimeout(timer.resolve, CLEAN_UP_MS);
  // What it fails with is the interruption.
  await Promise.race([running.catch(() => undefined), timer.promise]);
  killDescendants();
  throw new Error("The run was interrupted");
}
