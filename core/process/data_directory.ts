/**
 * The data directory of a server: one process owns it at a time.
 *
 * The lock is the operating system's lock of an open file, so it ends with the process, however that
 * ends. The file's content (the owner's process id) is for people only.
 *
 * @module
 */

import { resolve } from "node:path";
import { GitStratumError } from "../error.ts";

/** A locked data directory. */
export interface DataDirectory {
  /** Absolute path. */
  readonly path: string;
  /** Gives the directory up. */
  release(): void;
}

const LOCK_NAME = "server.lock";

function readOwner(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim().slice(0, 20);
  } catch {
    // Only decoration of a message that is right without it.
    return "";
  }
}

/**
 * Makes the directory if it is missing and takes its lock.
 *
 * @throws `conflict` when another server runs on it
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const absolute = resolve(path);
  await Deno.mkdir(absolute, { recursive: true });
  const lockPath = `${absolute}/${LOCK_NAME}`;
  const file = await Deno.open(lockPath, { read: true, write: true, create: true });
  if (!file.tryLockSync(true)) {
    file.close();
    throw new GitStratumError("conflict", "Find another server running on this data directory", {
      data: { directory: absolute, process: readOwner(lockPath) },
    });
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return { path: absolute, release: () => file.close() };
}
