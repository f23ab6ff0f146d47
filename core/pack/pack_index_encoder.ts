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

/** What an index says. Functions take an ordinal. */
export interface PackIndexContents {
  /** Hash function of the ids. */
  readonly format: ObjectFormat;
  /** Every object is reachable from the tips through objects of the group. */
  readonly closed: boolean;
  /** Objects in the history pack. */
  readonly historyCount: number;
  /** Objects in the content pack. */
  readonly contentCount: number;
  /** Bytes of the history pack. */
  readonly historyBytes: number;
  /** Bytes of the content pack. */
  readonly contentBytes: number;
  /** Object ids by ordinal, 20 or 32 bytes each; no id twice. */
  readonly oids: Uint8Array;
  /** Offset of the object's entry in its pack, in bytes. */
  readonly offsetOf: (ordinal: number) => number;
  /** Bits 0–2 object type, bits 3–4 storage. */
  readonly kindOf: (ordinal: number) => number;
  /** Inflated size in bytes. */
  readonly sizeOf: (ordinal: number) => number;
  /** Reference of the delta base, or `NO_BASE`. */
  readonly baseOf: (ordinal: number) => number;
  /** Commits in order of their ordinals. */
  readonly commits: {
    /** Their ordinals. */
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
    /** Their ordinals. */
    readonly ordinals: Uint32Array;
    /** References of the targets. */
    readonly targets: Uint32Array;
  };
  /** Objects outside the group, ascending by id. */
  readonly externals: { readonly oids: Uint8Array; readonly flags: Uint8Array };
  /** References of the new values of the push's references, without duplicates. */
  readonly tips: Uint32Array;
}

/** A chunk before its bytes are there: how many rows, and how to fill them in. */
interface ChunkPlan {
  readonly rows: number;
  readonly fill: (target: Uint8Array<ArrayBuffer>) => void;
}

/**
 * Encodes an index. The result passes `PackIndex.open` when the contents are consistent. Chunks are
 * written where they will stand: the peak of memory is the index and little more.
 */
export function encodePackIndex(contents: PackIndexContents): Uint8Array<ArrayBuffer> {
  const width = oidBytes(contents.format);
  const objectCount = contents.historyCount + contents.contentCount;
  assert(
    contents.oids.length === objectCount * width && objectCount < REFERENCE_ROW_MAX,
    "A pack index has an id for each object",
  );
  const plans = planChunks(contents, width);
  const present = PACK_INDEX_CHUNKS.filter((name) => plans[name].rows > 0);
  const bytesOfChunk = (name: PackIndexChunk) => plans[name].rows * chunkRowBytes(name, width);
  const offsets = new Map<PackIndexChunk, number>();
  let end = PACK_INDEX_HEADER_BYTES + present.length * PACK_INDEX_CHUNK_ROW_BYTES;
  for (const name of present) {
    offsets.set(name, alignChunk(end));
    end = alignChunk(end) + bytesOfChunk(name);
  }
  const bytes = new Uint8Array(alignChunk(end) + PACK_INDEX_CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  writeHeader(view, contents, present.length);
  let row = PACK_INDEX_HEADER_BYTES;
  for (const name of present) {
    const offset = offsets.get(name)!;
    bytes.set(new TextEncoder().encode(name), row);
    view.setUint32(row + 4, plans[name].rows, true);
    view.setBigUint64(row + 8, BigInt(offset), true);
    plans[name].fill(bytes.subarray(offset, offset + bytesOfChunk(name)));
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
  view.setUint32(12, contents.contentCount, true);
  view.setBigUint64(16, BigInt(contents.historyBytes), true);
  view.setBigUint64(24, BigInt(contents.contentBytes), true);
  view.setUint32(32, contents.commits.ordinals.length, true);
  view.setUint32(36, contents.tags.ordinals.length, true);
  view.setUint32(40, contents.externals.flags.length, true);
  view.setUint32(44, contents.tips.length, true);
  view.setUint32(48, chunkCount, true);
  view.setBigUint64(56, BigInt(view.byteLength), true);
}

function planChunks(
  contents: PackIndexContents,
  width: number,
): Readonly<Record<PackIndexChunk, ChunkPlan>> {
  const { commits, tags, externals, tips } = contents;
  const objectCount = contents.historyCount + contents.contentCount;
  const order = sortedOidRows(contents.oids, width);
  const large = encodeLargeSizes(contents, objectCount);
  return {
    OIDS: {
      rows: objectCount,
      fill: (target) => gatherRows({ table: contents.oids, order, width }, target),
    },
    ORDS: copyOf(order),
    OFFS: words(objectCount, (ordinal) => contents.offsetOf(ordinal) % 0x1_0000_0000),
    OFFH: planHighOffsets(contents, objectCount),
    TYPE: { rows: objectCount, fill: (target) => fillItems(target, contents.kindOf) },
    SIZE: words(objectCount, (ordinal) => Math.min(contents.sizeOf(ordinal), SIZE_IS_LARGE)),
    SIZH: { rows: large.length / 2, fill: (target) => target.set(new Uint8Array(large.buffer)) },
    BASE: words(objectCount, contents.baseOf),
    COMM: {
      rows: commits.ordinals.length,
      fill: (target) => fillCommits(commits, wordsIn(target)),
    },
    PARE: copyOf(commits.parents),
    TAGS: { rows: tags.ordinals.length, fill: (target) => fillTags(tags, wordsIn(target)) },
    EXTO: { rows: externals.flags.length, fill: (target) => target.set(externals.oids) },
    EXTF: { rows: externals.flags.length, fill: (target) => target.set(externals.flags) },
    TIPS: copyOf(tips),
  };
}

function wordsIn(target: Uint8Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(target.buffer, target.byteOffset, target.byteLength / 4);
}

function copyOf(table: Uint32Array): ChunkPlan {
  return { rows: table.length, fill: (target) => wordsIn(target).set(table) };
}

function words(rows: number, valueOf: (ordinal: number) => number): ChunkPlan {
  return { rows, fill: (target) => fillItems(wordsIn(target), valueOf) };
}

function fillItems(
  target: Uint8Array | Uint32Array,
  valueOf: (ordinal: number) => number,
): void {
  for (let ordinal = 0; ordinal < target.length; ordinal++) target[ordinal] = valueOf(ordinal);
}

function gatherRows(
  from: { readonly table: Uint8Array; readonly order: Uint32Array; readonly width: number },
  target: Uint8Array,
): void {
  const { table, order, width } = from;
  for (let row = 0; row < order.length; row++) {
    const start = order[row]! * width;
    for (let byte = 0; byte < width; byte++) target[row * width + byte] = table[start + byte]!;
  }
}

function planHighOffsets(contents: PackIndexContents, objectCount: number): ChunkPlan {
  const needed = Math.max(contents.historyBytes, contents.contentBytes) > 0x1_0000_0000 &&
    hasHighOffset(contents, objectCount);
  const highOf = (ordinal: number) => Math.floor(contents.offsetOf(ordinal) / 0x1_0000_0000);
  return { rows: needed ? objectCount : 0, fill: (target) => fillItems(target, highOf) };
}

function hasHighOffset(contents: PackIndexContents, objectCount: number): boolean {
  for (let ordinal = 0; ordinal < objectCount; ordinal++) {
    if (contents.offsetOf(ordinal) >= 0x1_0000_0000) return true;
  }
  return false;
}

function encodeLargeSizes(contents: PackIndexContents, objectCount: number): BigUint64Array {
  const pairs: bigint[] = [];
  for (let ordinal = 0; ordinal < objectCount; ordinal++) {
    const size = contents.sizeOf(ordinal);
    if (size >= SIZE_IS_LARGE) pairs.push(BigInt(ordinal), BigInt(size));
  }
  return BigUint64Array.from(pairs);
}

function fillCommits(commits: PackIndexContents["commits"], rows: Uint32Array): void {
  for (let index = 0; index < commits.ordinals.length; index++) {
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
}

function fillTags(tags: PackIndexContents["tags"], rows: Uint32Array): void {
  tags.ordinals.forEach((ordinal, index) => {
    rows[index * 2] = ordinal;
    rows[index * 2 + 1] = tags.targets[index]!;
  });
}
