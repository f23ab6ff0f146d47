/**
 * Deltas as pack entries that name their base.
 *
 * @module
 */

import { deflateSync } from "node:zlib";
import type { Oid } from "../git/oid.ts";
import { encodeEntryHead, REF_DELTA } from "./entry_head.ts";

/** Encodes a delta as one reference delta; `level` is zlib's, 1 to 9. */
export function encodeDeltaEntry(
  base: Oid,
  delta: Uint8Array,
  options: { readonly level: number },
): Uint8Array<ArrayBuffer> {
  const head = encodeEntryHead({ typeCode: REF_DELTA, size: delta.length, base });
  const stream = deflateSync(delta, options);
  const entry = new Uint8Array(head.length + stream.length);
  entry.set(head);
  entry.set(stream, head.length);
  return entry;
}
