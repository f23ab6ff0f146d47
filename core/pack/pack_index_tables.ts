/**
 * First stage of opening a pack index: header, chunk table and checksum are verified, and typed arrays
 * are laid over the chunks. What the arrays say is checked by the second stage.
 *
 * @module
 */

import { xxh64 } from "@gitstratum/wasm";
import { GitStratumError } from "../error.ts";
import type { ErrorData } from "../error.ts";
import { type ObjectFormat, oidBytes } from "../git/oid.ts";
import {
  chunkRowBytes,
  PACK_INDEX_ALIGNMENT,
  PACK_INDEX_CHECKSUM_BYTES,
  PACK_INDEX_CHUNK_COUNT_MAX,
  PACK_INDEX_CHUNK_ROW_BYTES,
  PACK_INDEX_CHUNKS,
  PACK_INDEX_HEADER_BYTES,
  PACK_INDEX_MAGIC,
  PACK_INDEX_VERSION,
  type PackIndexChunk,
  REFERENCE_ROW_MAX,
} from "./pack_index_layout.ts";

/** The tables of an index, as they stand in the file. */
export interface PackIndexTables {
  readonly format: ObjectFormat;
  readonly closed: boolean;
  readonly historyCount: number;
  readonly contentCount: number;
  readonly historyBytes: number;
  readonly contentBytes: number;
  readonly fileBytes: number;
  /** `OIDS` */
  readonly oids: Uint8Array;
  /** `ORDS` */
  readonly ordinals: Uint32Array;
  /** `OFFS` */
  readonly offsets: Uint32Array;
  /** `OFFH`, or empty when every offset fits 32 bits. */
  readonly offsetsHigh: Uint8Array;
  /** `TYPE` */
  readonly kinds: Uint8Array;
  /** `SIZE` */
  readonly sizes: Uint32Array;
  /** `SIZH`: ordinal, size, ordinal, size … */
  readonly largeSizes: BigUint64Array;
  /** `BASE` */
  readonly bases: Uint32Array;
  /** `COMM`: six numbers a commit. */
  readonly commits: Uint32Array;
  /** `PARE` */
  readonly parents: Uint32Array;
  /** `TAGS`: two numbers a tag. */
  readonly tags: Uint32Array;
  /** `EXTO` */
  readonly externals: Uint8Array;
  /** `EXTF` */
  readonly externalFlags: Uint8Array;
  /** `TIPS` */
  readonly tips: Uint32Array;
}

/** Makes the error of an index that is not what was written. */
export function corruptIndex(message: string, data: ErrorData = {}): GitStratumError {
  return new GitStratumError("corrupt", message, { data });
}

interface Header {
  readonly format: ObjectFormat;
  readonly closed: boolean;
  readonly historyCount: number;
  readonly contentCount: number;
  readonly historyBytes: number;
  readonly contentBytes: number;
  readonly commitCount: number;
  readonly tagCount: number;
  readonly externalCount: number;
  readonly tipCount: number;
  readonly chunkCount: number;
}

interface Chunk {
  readonly offset: number;
  readonly rows: number;
}

/**
 * Lays tables over the bytes of an index.
 *
 * @throws `corrupt`, `unsupported`
 */
export function readPackIndexTables(source: Uint8Array<ArrayBuffer>): PackIndexTables {
  const bytes = source.byteOffset % PACK_INDEX_ALIGNMENT === 0 ? source : source.slice();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const chunks = readChunkTable(view, header);
  const u8 = (name: PackIndexChunk): Uint8Array => {
    const { offset, rows } = chunkOf(chunks, name);
    return bytes.subarray(offset, offset + rows * chunkRowBytes(name, oidBytes(header.format)));
  };
  const u32 = (name: PackIndexChunk): Uint32Array => {
    const part = u8(name);
    return new Uint32Array(part.buffer, part.byteOffset, part.byteLength / 4);
  };
  const large = u8("SIZH");
  return {
    ...header,
    fileBytes: bytes.length,
    oids: u8("OIDS"),
    ordinals: u32("ORDS"),
    offsets: u32("OFFS"),
    offsetsHigh: u8("OFFH"),
    kinds: u8("TYPE"),
    sizes: u32("SIZE"),
    largeSizes: new BigUint64Array(
      large.buffer as ArrayBuffer,
      large.byteOffset,
      large.byteLength / 8,
    ),
    bases: u32("BASE"),
    commits: u32("COMM"),
    parents: u32("PARE"),
    tags: u32("TAGS"),
    externals: u8("EXTO"),
    externalFlags: u8("EXTF"),
    tips: u32("TIPS"),
  };
}

function readHeader(view: DataView): Header {
  const length = view.byteLength;
  if (length < PACK_INDEX_HEADER_BYTES + PACK_INDEX_CHECKSUM_BYTES) {
    throw corruptIndex("Read a pack index that is too short", { bytes: length });
  }
  if (view.getUint32(0, true) !== PACK_INDEX_MAGIC) {
    throw corruptIndex("Read a pack index without its magic number");
  }
  const version = view.getUint16(4, true);
  if (version !== PACK_INDEX_VERSION) {
    throw new GitStratumError("unsupported", "Read a pack index of another version", {
      data: { wanted: PACK_INDEX_VERSION, found: version },
    });
  }
  if (Number(view.getBigUint64(56, true)) !== length) {
    throw corruptIndex("Read a pack index of the wrong length", { bytes: length });
  }
  verifyChecksum(view);
  const code = view.getUint8(6);
  const flags = view.getUint8(7);
  if ((code !== 1 && code !== 2) || flags > 1 || view.getUint32(52, true) !== 0) {
    throw corruptIndex("Read a pack index with an unknown format or flag", { code, flags });
  }
  return {
    format: code === 1 ? "sha1" : "sha256",
    closed: (flags & 1) !== 0,
    historyCount: view.getUint32(8, true),
    contentCount: view.getUint32(12, true),
    historyBytes: Number(view.getBigUint64(16, true)),
    contentBytes: Number(view.getBigUint64(24, true)),
    commitCount: view.getUint32(32, true),
    tagCount: view.getUint32(36, true),
    externalCount: view.getUint32(40, true),
    tipCount: view.getUint32(44, true),
    chunkCount: view.getUint32(48, true),
  };
}

function verifyChecksum(view: DataView): void {
  const end = view.byteLength - PACK_INDEX_CHECKSUM_BYTES;
  const wanted = view.getBigUint64(end, true);
  const found = xxh64(new Uint8Array(view.buffer, view.byteOffset, end));
  if (wanted !== found) {
    throw corruptIndex("Read a pack index with the wrong checksum", {
      wanted: wanted.toString(16),
      found: found.toString(16),
    });
  }
}

/** Reads and checks the chunk table: names, order, alignment, bounds and numbers of rows. */
function readChunkTable(view: DataView, header: Header): Map<string, Chunk> {
  if (header.chunkCount > PACK_INDEX_CHUNK_COUNT_MAX) {
    throw corruptIndex("Read a pack index with too many chunks", { found: header.chunkCount });
  }
  const tableEnd = PACK_INDEX_HEADER_BYTES + header.chunkCount * PACK_INDEX_CHUNK_ROW_BYTES;
  const dataEnd = view.byteLength - PACK_INDEX_CHECKSUM_BYTES;
  if (tableEnd > dataEnd) throw corruptIndex("Read a pack index without room for its chunk table");
  const chunks = new Map<string, Chunk>();
  let free = tableEnd;
  for (let at = PACK_INDEX_HEADER_BYTES; at < tableEnd; at += PACK_INDEX_CHUNK_ROW_BYTES) {
    const name = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4));
    const chunk = { rows: view.getUint32(at + 4, true), offset: readOffset(view, at + 8) };
    const bytes = chunk.rows * rowBytesOf(name, header);
    const fits = chunk.offset >= free && chunk.offset % PACK_INDEX_ALIGNMENT === 0 &&
      chunk.offset + bytes <= dataEnd;
    if (!fits) throw corruptIndex("Read a pack index chunk out of bounds", { chunk: name });
    if (chunks.has(name)) throw corruptIndex("Read a pack index chunk twice", { chunk: name });
    chunks.set(name, chunk);
    free = chunk.offset + bytes;
  }
  checkRowCounts(chunks, header);
  return chunks;
}

function readOffset(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function isKnownChunk(name: string): name is PackIndexChunk {
  return (PACK_INDEX_CHUNKS as readonly string[]).includes(name);
}

/** Bytes of a row; 0 for an unknown chunk that may be skipped, whose length nobody needs. */
function rowBytesOf(name: string, header: Header): number {
  if (isKnownChunk(name)) return chunkRowBytes(name, oidBytes(header.format));
  if (/^[a-z]/.test(name)) return 0;
  throw new GitStratumError("unsupported", "Read a pack index with an unknown chunk", {
    data: { chunk: JSON.stringify(name) },
  });
}

function chunkOf(chunks: ReadonlyMap<string, Chunk>, name: PackIndexChunk): Chunk {
  return chunks.get(name) ?? { offset: 0, rows: 0 };
}

function checkRowCounts(chunks: ReadonlyMap<string, Chunk>, header: Header): void {
  const objects = header.historyCount + header.contentCount;
  if (objects > REFERENCE_ROW_MAX) throw corruptIndex("Read a pack index with too many objects");
  const expect = (name: PackIndexChunk, wanted: number) => {
    const found = chunkOf(chunks, name).rows;
    if (found !== wanted) {
      throw corruptIndex("Read a pack index chunk of the wrong length", {
        chunk: name,
        wanted,
        found,
      });
    }
  };
  for (const name of ["OIDS", "ORDS", "OFFS", "TYPE", "SIZE", "BASE"] as const) {
    expect(name, objects);
  }
  if (chunkOf(chunks, "OFFH").rows !== 0) expect("OFFH", objects);
  expect("COMM", header.commitCount);
  expect("TAGS", header.tagCount);
  expect("EXTO", header.externalCount);
  expect("EXTF", header.externalCount);
  expect("TIPS", header.tipCount);
}
