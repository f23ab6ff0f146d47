/**
 * The first twelve bytes of a pack (gitformat-pack).
 *
 * @module
 */

import { assert } from "../assert.ts";

/** Bytes of a pack header. */
export const PACK_HEADER_BYTES = 12;

/** `PACK`, read as a big-endian number. */
const SIGNATURE = 0x5041434b;
/** Version 3 differs in nothing that git ever wrote; git reads both and writes 2. */
const VERSIONS: readonly number[] = [2, 3];

/** What a pack header turned out to be. */
export type PackHeaderResult =
  | { readonly ok: true; readonly objectCount: number }
  | { readonly ok: false; readonly reason: "signature" | "version"; readonly found: number };

/** Reads a pack header from the first twelve of `bytes`. */
export function readPackHeader(bytes: Uint8Array): PackHeaderResult {
  assert(bytes.length >= PACK_HEADER_BYTES, "A pack header is there before it is read");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signature = view.getUint32(0);
  if (signature !== SIGNATURE) return { ok: false, reason: "signature", found: signature };
  const version = view.getUint32(4);
  if (!VERSIONS.includes(version)) return { ok: false, reason: "version", found: version };
  return { ok: true, objectCount: view.getUint32(8) };
}

/** Writes the header of a pack of `objectCount` entries, version 2. */
export function encodePackHeader(objectCount: number): Uint8Array<ArrayBuffer> {
  assert(objectCount >= 0 && objectCount <= 0xffffffff, "A pack counts its objects in 32 bits");
  const header = new Uint8Array(PACK_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, SIGNATURE);
  view.setUint32(4, 2);
  view.setUint32(8, objectCount);
  return header;
}
