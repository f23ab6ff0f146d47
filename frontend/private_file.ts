/**
 * Small files that only the server may read: made when they are missing, then kept.
 *
 * Invariants: a file is complete and on stable storage before its text is first used, and never
 * replaced; only the owner of the process can read it.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";

/** Reads the file; undefined when there is none. @throws `denied` when others may read it too */
async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new GitStratumError("denied", "Refuse a private file that others may read", {
        data: { path, mode: (mode & 0o777).toString(8), wanted: "600" },
      });
    }
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  using directory = await Deno.open(path, { read: true });
  await directory.sync();
}

/** Writes a file that appears as a whole or not at all. */
async function writePrivate(directory: string, name: string, text: string): Promise<void> {
  const temporary = `${directory}/${name}.new`;
  await Deno.remove(temporary).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  {
    using out = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await out.write(bytes.subarray(at));
    await out.sync();
  }
  await Deno.rename(temporary, `${directory}/${name}`);
  await syncDirectory(directory);
}

/**
 * The text of a file in a directory that exists; made when the file is missing.
 *
 * @throws `denied` when others may read the file
 */
export async function openPrivateFile(
  directory: string,
  options: {
    /** Of the file, in the directory. */
    readonly name: string;
    /** Makes the text of a missing file. */
    make(): string;
  },
): Promise<string> {
  const { name, make } = options;
  const found = await readPrivate(`${directory}/${name}`);
  if (found !== undefined) return found;
  const text = make();
  await writePrivate(directory, name, text);
  return text;
}
