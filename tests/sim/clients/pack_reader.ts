/**
 * Reads packs as a suspicious client does: everything is checked, nothing is believed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { ENTRY, objectId } from "../../harness/raw_pack.ts";

/** An object of a pack. */
export interface ReadObject {
  readonly type: "commit" | "tree" | "blob" | "tag";
  readonly bytes: Uint8Array;
}

const TRAILER_BYTES = 20;
const NAMES: ReadonlyMap<number, ReadObject["type"]> = new Map([
  [ENTRY.commit, "commit"],
  [ENTRY.tree, "tree"],
  [ENTRY.blob, "blob"],
  [ENTRY.tag, "tag"],
]);

/**
 * The objects of a pack by their ids; deltas are not expected, as no client of a simulation sends any.
 *
 * @throws an error that says what is wrong with the pack
 */
export function readPack(pack: Uint8Array): Map<string, ReadObject> {
  const body = pack.subarray(0, -TRAILER_BYTES);
  const trailer = pack.subarray(-TRAILER_BYTES);
  if (pack.length < 12 + TRAILER_BYTES) throw new Error(`The pack has ${pack.length} bytes`);
  if (createHash("sha1").update(body).digest().compare(trailer) !== 0) {
    throw new Error("The pack's trailer is wrong");
  }
  const view = new DataView(pack.buffer, pack.byteOffset);
  if (view.getUint32(0) !== 0x5041434b) throw new Error("The pack is none");
  const objects = new Map<string, ReadObject>();
  const count = view.getUint32(8);
  let at = 12;
  for (let index = 0; index < count; index++) {
    const entry = readEntry(body, at);
    objects.set(objectId(entry.type, entry.bytes), entry);
    at = entry.end;
  }
  if (at !== body.length) throw new Error(`The pack has ${body.length - at} bytes too many`);
  return objects;
}

function readEntry(body: Uint8Array, start: number): ReadObject & { readonly end: number } {
  let at = start;
  let byte = body[at++]!;
  const type = NAMES.get((byte >> 4) & 7);
  if (type === undefined) throw new Error(`The entry at ${start} has an unexpected type`);
  let size = byte & 15;
  for (let shift = 4; (byte & 0x80) !== 0; shift += 7) {
    byte = body[at++]!;
    size += (byte & 0x7f) * 2 ** shift;
  }
  const result = inflateSync(body.subarray(at), { info: true }) as unknown as {
    readonly buffer: Uint8Array;
    readonly engine: { readonly bytesWritten: number };
  };
  const bytes = new Uint8Array(result.buffer);
  if (bytes.length !== size) throw new Error(`The entry at ${start} has another size`);
  return { type, bytes, end: at + result.engine.bytesWritten };
}
