/**
 * Directories whose content nobody misses.
 *
 * @module
 */

/** Makes a directory, or empties it: leftovers belong to work that a crash ended. */
export async function emptyDirectory(path: string): Promise<void> {
  await removeDirectory(path);
  await Deno.mkdir(path, { recursive: true });
}

/** Removes a directory with all that is in it, if it is there. */
export async function removeDirectory(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
