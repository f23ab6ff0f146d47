/**
 * Objects as undeltified pack entries.
 *
 * @module
 */

import { deflateSync } from "node:zlib";
import { encodeEntryHead } from "./entry_head.ts";

/**
 * Encodes an object, given by its type number and its bytes, as one entry that needs no base.
 * `level` is zlib's, 1 to 9; its own default where bytes are kept.
 */
export function encodeWholeEntry(
  typeCode: number,
  object: Uint8Array,
  options: { readonly level?: number } = {},
): Uint8Array<ArrayBuffer> {
  const head = encodeEntryHead({ typeCode, size: object.length });
  const stream = deflateSync(object, options);
  const entry = new Uint8Array(head.length + stream.length);
  entry.set(head);
  entry.set(stream, head.length);
  return entry;
}
