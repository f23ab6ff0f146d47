/**
 * Names and numbers of the pack index format (docs/formats/pack-index.md), shared by its reader and
 * its encoder.
 *
 * @module
 */

import { assert } from "../assert.ts";

/** `GSPI`, read as a little-endian number. */
export const PACK_INDEX_MAGIC = 0x49505347;
/** The version that is read and written. */
export const PACK_INDEX_VERSION = 1;
/** Bytes of the header. */
export const PACK_INDEX_HEADER_BYTES = 64;
/** Bytes of a row of the chunk table. */
export const PACK_INDEX_CHUNK_ROW_BYTES = 16;
/** Bytes of the checksum at the end. */
export const PACK_INDEX_CHECKSUM_BYTES = 8;
/** Every chunk starts at a multiple of this many bytes. */
export const PACK_INDEX_ALIGNMENT = 8;
/** More chunks than this version or a near one can have: a corrupt count. */
export const PACK_INDEX_CHUNK_COUNT_MAX = 64;

/** The chunks of version 1, in the order in which they are written. */
export const PACK_INDEX_CHUNKS = [
  "OIDS",
  "ORDS",
  "OFFS",
  "OFFH",
  "TYPE",
  "SIZE",
  "SIZH",
  "BASE",
  "COMM",
  "PARE",
  "TAGS",
  "EXTO",
  "EXTF",
  "TIPS",
] as const;

/** One of {@link PACK_INDEX_CHUNKS}. */
export type PackIndexChunk = typeof PACK_INDEX_CHUNKS[number];

/** Bytes of one row of a chunk; `width` is the length of an object id in bytes. */
export function chunkRowBytes(chunk: PackIndexChunk, width: number): number {
  switch (chunk) {
    case "OIDS":
    case "EXTO":
      return width;
    case "OFFH":
    case "TYPE":
    case "EXTF":
      return 1;
    case "ORDS":
    case "OFFS":
    case "SIZE":
    case "BASE":
    case "PARE":
    case "TIPS":
      return 4;
    case "TAGS":
      return 8;
    case "SIZH":
      return 16;
    case "COMM":
      return 24;
  }
}

/** The delta base of an object that is no delta. */
export const NO_BASE = 0x7fffffff;
/** Rows and ordinals are smaller than this, so that references have room for both. */
export const REFERENCE_ROW_MAX = NO_BASE;
/** In `SIZE`: look into `SIZH`. */
export const SIZE_IS_LARGE = 0xffffffff;
/** In `EXTF`: some object of the group links to it. */
export const EXTERNAL_IS_LINK = 1;
/** In `EXTF`: it is the delta base of some object of the group. */
export const EXTERNAL_IS_BASE = 2;
/** In `EXTF`: it is one of the tips. */
export const EXTERNAL_IS_TIP = 4;
/** In `EXTF`: the bits from here on are the type number that links expect, 0 when none says. */
export const EXTERNAL_TYPE_SHIFT = 4;
/** In `EXTF`: all bits that say what the external is for. */
export const EXTERNAL_USES = EXTERNAL_IS_LINK | EXTERNAL_IS_BASE | EXTERNAL_IS_TIP;

const EXTERNAL_BIT = 0x80000000;

/** Whether a reference names an object outside the group. */
export function isExternal(reference: number): boolean {
  return reference >= EXTERNAL_BIT;
}

/** The row of `EXTO` that an external reference names. */
export function externalRow(reference: number): number {
  return reference - EXTERNAL_BIT;
}

/** The reference that names a row of `EXTO`. */
export function externalReference(row: number): number {
  return row + EXTERNAL_BIT;
}

/** The next multiple of {@link PACK_INDEX_ALIGNMENT}. */
export function alignChunk(offset: number): number {
  return Math.ceil(offset / PACK_INDEX_ALIGNMENT) * PACK_INDEX_ALIGNMENT;
}

assert(
  new Uint8Array(Uint16Array.of(1).buffer)[0] === 1,
  "The machine is little-endian, as the typed arrays over an index are",
);
