/**
 * The keys by which clients recognise the server: made on the first start, kept in the data directory.
 *
 * A key is on stable storage before it is first shown, and never replaced. Source of the file format:
 * PROTOCOL.key of OpenSSH.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { openPrivateFile } from "../private_file.ts";
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
    const text = await openPrivateFile(directory, {
      name: file,
      make: () => drawSigningKey(make),
    });
    keys.push(checked(text, path));
  }
  return keys;
}
