/**
 * The library for OpenPGP, loaded when it is first needed: it takes some 30 MB of memory and 130 ms,
 * which a server that never meets an OpenPGP key or signature does not spend.
 *
 * @module
 */

import type { Config } from "openpgp";

/** What the library exports. */
export type OpenPgpLibrary = typeof import("openpgp");

/** The library with what is asked of what it checks. */
export interface OpenPgp {
  readonly library: OpenPgpLibrary;
  /** For self-signatures: none with a hash that somebody can collide. */
  readonly policy: Config;
  /** For revocations: who says that a key is lost is believed with SHA-1, too. */
  readonly revocationPolicy: Config;
}

let loading: Promise<OpenPgp> | undefined;

/** Loads the library, once. */
export function openPgp(): Promise<OpenPgp> {
  return loading ??= load();
}

async function load(): Promise<OpenPgp> {
  const library = await import("openpgp");
  const { config, enums } = library;
  const { md5, ripemd, sha1 } = enums.hash;
  return {
    library,
    policy: { ...config, rejectHashAlgorithms: new Set([md5, ripemd, sha1]) },
    revocationPolicy: { ...config, rejectHashAlgorithms: new Set([md5, ripemd]) },
  };
}
