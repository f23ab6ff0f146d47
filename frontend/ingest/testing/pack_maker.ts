/**
 * Packs made by hand, entry by entry, right or wrong.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import {
  OBJECT_TYPE_CODES,
  type ObjectFormat,
  type ObjectType,
  type Oid,
} from "@gitstratum/core/git";
import {
  encodeEntryHead,
  encodePackHeader,
  type EntryHead,
  OFS_DELTA,
  REF_DELTA,
} from "@gitstratum/core/pack";

/** Bytes one after the other. */
export function joined(
  ...parts: readonly (Uint8Array | readonly number[])[]
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The id of an object. */
export function oidOf(type: ObjectType, bytes: Uint8Array, format: ObjectFormat = "sha1"): Oid {
  return createHash(format).update(`${type} ${bytes.length}\0`).update(bytes).digest("hex") as Oid;
}

/** An entry with a head of its own choice. */
export function entry(head: EntryHead, inflated: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined(encodeEntryHead(head), deflateSync(inflated));
}

/** A whole object. */
export function whole(type: ObjectType, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return entry({ typeCode: OBJECT_TYPE_CODES[type], size: bytes.length }, bytes);
}

/** A delta against an entry `base` bytes before, or against an id. */
export function delta(base: number | Oid, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const typeCode = typeof base === "number" ? OFS_DELTA : REF_DELTA;
  return entry({ typeCode, size: bytes.length, base }, bytes);
}

/** A pack of entries, with a right trailer. */
export function packOf(
  entries: readonly Uint8Array[],
  options: { readonly count?: number; readonly format?: ObjectFormat } = {},
): Uint8Array<ArrayBuffer> {
  return sealed(
    joined(encodePackHeader(options.count ?? entries.length), ...entries),
    options.format,
  );
}

/** Bytes followed by the trailer that fits them. */
export function sealed(bytes: Uint8Array, format: ObjectFormat = "sha1"): Uint8Array<ArrayBuffer> {
  const hash = createHash(format).update(bytes).digest();
  const pack = new Uint8Array(bytes.length + hash.length);
  pack.set(bytes);
  pack.set(hash, bytes.length);
  return pack;
}

/** A number as deltas write sizes. */
export function deltaSize(size: number): number[] {
  const digits: number[] = [];
  for (; size >= 128; size = Math.floor(size / 128)) digits.push(size % 128 | 0x80);
  return [...digits, size];
}

/** An instruction that copies from the base. */
export function copyOf(offset: number, length: number): number[] {
  const bytes = (value: number, count: number) =>
    Array.from({ length: count }, (_, index) => Math.floor(value / 256 ** index) % 256);
  return [0xff, ...bytes(offset, 4), ...bytes(length, 3)];
}

/** A delta that keeps its base and puts `added` (1 to 127 bytes) behind. */
export function appendDelta(baseSize: number, added: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined(
    deltaSize(baseSize),
    deltaSize(baseSize + added.length),
    ...(baseSize === 0 ? [] : copiesOf(baseSize)),
    [added.length],
    added,
  );
}

function copiesOf(size: number): number[][] {
  const copies: number[][] = [];
  for (let offset = 0; offset < size; offset += 0xffffff) {
    copies.push(copyOf(offset, Math.min(0xffffff, size - offset)));
  }
  return copies;
}

/** Text as bytes. */
export function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value);
}

/** A tree of entries `[mode, name, oid]`, in the order given. */
export function tree(
  entries: readonly (readonly [string, string, Oid])[],
): Uint8Array<ArrayBuffer> {
  return joined(
    ...entries.flatMap(([mode, name, oid]) => [text(`${mode} ${name}\0`), Uint8Array.fromHex(oid)]),
  );
}

/** A commit without a message. */
export function commit(treeOid: Oid, parents: readonly Oid[] = []): Uint8Array<ArrayBuffer> {
  const who = "A <a@example.com> 1700000000 +0000";
  const lines = [`tree ${treeOid}`, ...parents.map((oid) => `parent ${oid}`), `author ${who}`];
  return text(`${lines.join("\n")}\ncommitter ${who}\n\n`);
}
