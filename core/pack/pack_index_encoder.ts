/**
 * Encoder of pack indexes (docs/formats/pack-index.md) from tables of numbers.
 *
 * Purpose: one pass from the struct-of-arrays tables of a push to the bytes that are stored. Who has
 * objects one by one uses the writer beside it.
 *
 * @module
 */

import { xxh64 } from "@gitstratum/wasm";
import { assert } from "../assert.ts";
import { type ObjectFormat, oidBytes } from "../git/oid.ts";
import { sortedOidRows } from "./oid_rows.ts";
import {
  alignChunk,
  chunkRowBytes,
  PACK_INDEX_CHECKSUM_BYTES,
  PACK_INDEX_CHUNK_ROW_BYTES,
  PACK_INDEX_CHUNKS,
  PACK_INDEX_HEADER_BYTES,
  PACK_INDEX_MAGIC,
  PACK_INDEX_VERSION,
  type PackIndexChunk,
  REFERENCE_ROW_MAX,
  SIZE_IS_LARGE,
} from "./pack_index_layout.ts";

/** What an index says. Tables without further note have one item an object, by ordinal. */
export interface PackIndexContents {
  readonly format: ObjectFormat;
  /** Every object is reachable from the tips through objects of the group. */
  readonly closed: boolean;
  readonly historyCount: number;
  readonly historyBytes: number;
  readonly contentBytes: number;
  /** Object ids, 20 or 32 bytes each; no id twice. */
  readonly oids: Uint8Array;
  /** Offsets of the entries in their pack, in bytes. */
  readonly offsets: Float64Array;
  /** Bits 0–2 object type, bits 3–4 storage. */
  readonly kinds: Uint8Array;
  /** Inflated sizes in bytes. */
  readonly sizes: Float64Array;
  /** References of the delta bases, or `NO_BASE`. */
  readonly bases: Uint32Array;
  /** Commits in order of their ordinals. */
  readonly commits: {
    readonly ordinals: Uint32Array;
    /** References of the trees. */
    readonly trees: Uint32Array;
    /** Committer times in seconds; integers. */
    readonly timesS: Float64Array;
    /** For each commit the first of its rows in `parents`. */
    readonly parentStarts: Uint32Array;
    /** References of the parents of all commits. */
    readonly parents: Uint32Array;
  };
  /** Tags in order of their ordinals. */
  readonly tags: {
    readonly ordinals: Uint32Array;
    /** References of the targets. */
    readonly targets: Uint32Array;
  };
  /** Objects outside the group, ascending by id. */
  readonly externals: { readonly oids: Uint8Array; readonly flags: Uint8Array };
  /** References of the new values of the push's references, without duplicates. */
  readonly tips: Uint32Array;
}

/** Encodes an index. The result passes `PackIndex.open` when the contents are consistent. */
export function encodePackIndex(contents: PackIndexContents): Uint8Array<ArrayBuffer> {
  const objectCount = contents.kinds.length;
  const width = oidBytes(contents.format);
  assert(
    contents.oids.length === objectCount * width && contents.offsets.length === objectCount &&
      contents.sizes.length === objectCount && contents.bases.length === objectCount &&
      contents.historyCount <= objectCount && objectCount < REFERENCE_ROW_MAX,
    "Tables of a pack index have one row an object",
  );
  const chunks = encodeChunks(contents, width);
  const present = PACK_INDEX_CHUNKS.filter((name) => chunks[name].length > 0);
  const offsets = new Map<PackIndexChunk, number>();
  let end = PACK_INDEX_HEADER_BYTES + present.length * PACK_INDEX_CHUNK_ROW_BYTES;
  for (const name of present) {
    offsets.set(name, alignChunk(end));
    end = alignChunk(end) + chunks[name].length;
  }
  const bytes = new Uint8Array(alignChunk(end) + PACK_INDEX_CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  writeHeader(view, contents, present.length);
  let row = PACK_INDEX_HEADER_BYTES;
  for (const name of present) {
    bytes.set(new TextEncoder().encode(name), row);
    view.setUint32(row + 4, chunks[name].length / chunkRowBytes(name, width), true);
    view.setBigUint64(row + 8, BigInt(offsets.get(name)!), true);
    bytes.set(chunks[name], offsets.get(name)!);
    row += PACK_INDEX_CHUNK_ROW_BYTES;
  }
  const checked = bytes.length - PACK_INDEX_CHECKSUM_BYTES;
  view.setBigUint64(checked, xxh64(bytes.subarray(0, checked)), true);
  return bytes;
}

function writeHeader(view: DataView, contents: PackIndexContents, chunkCount: number): void {
  view.setUint32(0, PACK_INDEX_MAGIC, true);
  view.setUint16(4, PACK_INDEX_VERSION, true);
  view.setUint8(6, contents.format === "sha1" ? 1 : 2);
  view.setUint8(7, contents.closed ? 1 : 0);
  view.setUint32(8, contents.historyCount, true);
  view.setUint32(12, contents.kinds.length - contents.historyCount, true);
  view.setBigUint64(16, BigInt(contents.historyBytes), true);
  view.setBigUint64(24, BigInt(contents.contentBytes), true);
  view.setUint32(32, contents.commits.ordinals.length, true);
  view.setUint32(36, contents.tags.ordinals.length, true);
  view.setUint32(40, contents.externals.flags.length, true);
  view.setUint32(44, contents.tips.length, true);
  view.setUint32(48, chunkCount, true);
  view.setBigUint64(56, BigInt(view.byteLength), true);
}

type Chunks = Readonly<Record<PackIndexChunk, Uint8Array>>;

function encodeChunks(contents: PackIndexContents, width: number): Chunks {
  const order = sortedOidRows(contents.oids, width);
  return {
    OIDS: gatherRows(contents.oids, width, order),
    ORDS: bytesOf(order),
    OFFS: bytesOf(Uint32Array.from(contents.offsets, (offset) => offset % 0x1_0000_0000)),
    OFFH: encodeHighOffsets(contents.offsets),
    TYPE: contents.kinds,
    SIZE: bytesOf(Uint32Array.from(contents.sizes, (size) => Math.min(size, SIZE_IS_LARGE))),
    SIZH: encodeLargeSizes(contents.sizes),
    BASE: bytesOf(contents.bases),
    COMM: encodeCommits(contents.commits),
    PARE: bytesOf(contents.commits.parents),
    TAGS: encodeTags(contents.tags),
    EXTO: contents.externals.oids,
    EXTF: contents.externals.flags,
    TIPS: bytesOf(contents.tips),
  };
}

function bytesOf(table: Uint32Array | BigUint64Array): Uint8Array {
  return new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
}

function gatherRows(table: Uint8Array, width: number, order: Uint32Array): Uint8Array {
  const sorted = new Uint8Array(table.length);
  for (let row = 0; row < order.length; row++) {
    const from = order[row]! * width;
    for (let byte = 0; byte < width; byte++) sorted[row * width + byte] = table[from + byte]!;
  }
  return sorted;
}

function encodeHighOffsets(offsets: Float64Array): Uint8Array {
  const high = Uint8Array.from(offsets, (offset) => Math.floor(offset / 0x1_0000_0000));
  return high.some((value) => value !== 0) ? high : new Uint8Array(0);
}

function encodeLargeSizes(sizes: Float64Array): Uint8Array {
  const pairs: bigint[] = [];
  sizes.forEach((size, ordinal) => {
    if (size >= SIZE_IS_LARGE) pairs.push(BigInt(ordinal), BigInt(size));
  });
  return bytesOf(BigUint64Array.from(pairs));
}

function encodeCommits(commits: PackIndexContents["commits"]): Uint8Array {
  const count = commits.ordinals.length;
  const rows = new Uint32Array(count * 6);
  for (let index = 0; index < count; index++) {
    const timeS = commits.timesS[index]!;
    assert(Number.isSafeInteger(timeS), "A committer time is an integer");
    const at = index * 6;
    rows[at] = commits.ordinals[index]!;
    rows[at + 1] = commits.trees[index]!;
    rows[at + 2] = commits.parentStarts[index]!;
    const high = Math.floor(timeS / 0x1_0000_0000);
    rows[at + 4] = timeS - high * 0x1_0000_0000;
    rows[at + 5] = high;
  }
  return bytesOf(rows);
}

function encodeTags(tags: PackIndexContents["tags"]): Uint8Array {
  const rows = new Uint32Array(tags.ordinals.length * 2);
  tags.ordinals.forEach((ordinal, index) => {
    rows[index * 2] = ordinal;
    rows[index * 2 + 1] = tags.targets[index]!;
  });
  return bytesOf(rows);
}
