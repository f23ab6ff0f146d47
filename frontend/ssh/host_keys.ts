/**
 * The keys by which clients recognise the server: made on the first start, kept in the data directory.
 *
 * Invariants: a key is complete and on stable storage before it is first shown, and never replaced; only
 * the owner of the process can read it. Source of the file format: PROTOCOL.key of OpenSSH.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { signingKey } from "./signing_key.ts";
import { utils } from "./ssh2.ts";

/** A key for nearly every client, and one for those that are too old for it. */
const KEYS = [
  { file: "host_ed25519_key", make: () => utils.generateKeyPairSync("ed25519") },
  { file: "host_ecdsa_key", make: () => utils.generateKeyPairSync("ecdsa", { bits: 256 }) },
] as const;
/** Chance spoils this many draws in a row once in 10^18 starts. */
const KEY_DRAW_COUNT_MAX = 8;

/**
 * Draws keys until one can sign. About one in two hundred pairs that the library makes can not be read
 * back: it drops zero bytes at the front of a number whose width is fixed.
 *
 * @throws `unavailable` when so many fail that it can not be chance
 */
export function drawSigningKey(make: () => { readonly private: string }): string {
  for (let draw = 0; draw < KEY_DRAW_COUNT_MAX; draw++) {
    const { private: text } = make();
    if (signingKey(text) !== undefined) return text;
  }
  throw new GitStratumError("unavailable", "Draw no host key that can sign", {
    data: { draws: KEY_DRAW_COUNT_MAX },
  });
}

/** Reads the file; undefined when there is none. @throws `denied` when others may read it too */
async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new GitStratumError("denied", "Refuse a host key that others may read", {
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
async function writePrivate(directory: string, file: string, text: string): Promise<void> {
  const temporary = `${directory}/${file}.new`;
  await Deno.remove(temporary).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  {
    using out = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await out.write(bytes.subarray(at));
    await out.sync();
  }
  await Deno.rename(temporary, `${directory}/${file}`);
  await syncDirectory(directory);
}

function checked(text: string, path: string): string {
  const key = signingKey(text);
  if (key !== undefined) return key;
  throw new GitStratumError("corrupt", "Read a host key that is none", { data: { path } });
}

/**
 * The private host keys of a directory, which is made when it is missing, as are the keys. Each can
 * sign, in whatever form it is kept.
 *
 * @throws `denied` when others may read a key, `corrupt` when a file holds none
 */
export async function openHostKeys(directory: string): Promise<readonly string[]> {
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  const keys: string[] = [];
  for (const { file, make } of KEYS) {
    const path = `${directory}/${file}`;
    let text = await readPrivate(path);
    if (text === undefined) {
      text = drawSigningKey(make);
      await writePrivate(directory, file, text);
    }
    keys.push(checked(text, path));
  }
  return keys;
}
