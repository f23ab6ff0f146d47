/**
 * Extents on the wire: paths, headers and the frame in which several small extents travel at once
 * (docs/formats/extent.md).
 *
 * Every body comes with its xxh64 in a header, which the receiver verifies before it stores or uses
 * anything: what a network or a proxy damaged is refused, not replicated.
 *
 * @module
 */

import { xxh64 } from "@gitstratum/wasm";
import { GitStratumError } from "../../error.ts";
import { EXTENT_BATCH_COUNT_MAX } from "../../limits.ts";
import type { ExtentWrite } from "./extent_store.ts";
import { parseExtentId } from "../ids.ts";

/** Path below which extents are. */
export const EXTENTS_PATH = "/object/v1/extents";
/** Header: the network that owns the extents of a request or response. */
export const OWNER_HEADER = "x-gitstratum-owner";
/** Header: xxh64 of the body in 16 hexadecimal digits. */
export const CHECKSUM_HEADER = "x-gitstratum-xxh64";
/** Media type of a batch of extents. */
export const BATCH_TYPE = "application/x-gitstratum-extents";

const MAGIC = 0x47535842; // "GSXB"
const VERSION = 1;
/** Bytes of a batch before its first extent. */
export const BATCH_HEADER_BYTES = 12;
const ROW_BYTES = 8;

/** The checksum of a body as it stands in {@link CHECKSUM_HEADER}. */
export function checksumText(bytes: Uint8Array): string {
  return xxh64(bytes).toString(16).padStart(16, "0");
}

/** Bytes that an extent adds to a batch beside its own. */
export function batchRowBytes(extent: ExtentWrite): number {
  return ROW_BYTES + extent.id.length;
}

/** Encodes a batch. */
export function encodeExtentBatch(extents: readonly ExtentWrite[]): Uint8Array<ArrayBuffer> {
  let length = BATCH_HEADER_BYTES;
  for (const extent of extents) length += batchRowBytes(extent) + extent.bytes.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, VERSION, true);
  view.setUint32(8, extents.length, true);
  let at = BATCH_HEADER_BYTES;
  for (const extent of extents) {
    view.setUint32(at, extent.id.length, true);
    view.setUint32(at + 4, extent.bytes.length, true);
    encoder.encodeInto(extent.id, bytes.subarray(at + ROW_BYTES));
    bytes.set(extent.bytes, at + batchRowBytes(extent));
    at += batchRowBytes(extent) + extent.bytes.length;
  }
  return bytes;
}

/**
 * Decodes a batch. The extents share memory with `bytes`.
 *
 * @throws `invalid` when the frame is broken or an id is none
 */
export function decodeExtentBatch(bytes: Uint8Array): ExtentWrite[] {
  if (bytes.length < BATCH_HEADER_BYTES) throw brokenBatch(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC || view.getUint16(4, true) !== VERSION) throw brokenBatch(0);
  const count = view.getUint32(8, true);
  if (count > EXTENT_BATCH_COUNT_MAX) throw brokenBatch(8);
  const extents: ExtentWrite[] = [];
  let at = BATCH_HEADER_BYTES;
  for (let row = 0; row < count; row++) {
    if (at + ROW_BYTES > bytes.length) throw brokenBatch(at);
    const idBytes = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const dataAt = at + ROW_BYTES + idBytes;
    if (dataAt + length > bytes.length) throw brokenBatch(at);
    const id = parseExtentId(decoder.decode(bytes.subarray(at + ROW_BYTES, dataAt)));
    const data = bytes.subarray(dataAt, dataAt + length);
    extents.push({ id, bytes: data });
    at = dataAt + length;
  }
  if (at !== bytes.length) throw brokenBatch(at);
  return extents;
}

/**
 * Compares a body with the checksum that came with it.
 *
 * @param wanted as in {@link CHECKSUM_HEADER}; null when there was none
 * @throws `corrupt` when they differ; `invalid` when there is no checksum
 */
export function verifyChecksum(bytes: Uint8Array, wanted: string | null): void {
  if (wanted === null) throw new GitStratumError("invalid", "Expect a checksum with a body");
  const found = checksumText(bytes);
  if (found === wanted) return;
  throw new GitStratumError("corrupt", "Receive bytes that were changed on their way", {
    data: { bytes: bytes.length, wanted: wanted.slice(0, 40), found },
  });
}

/**
 * The `Range` header for a run of bytes.
 *
 * @param range at least one byte
 */
export function rangeHeader(range: { readonly offset: number; readonly length: number }): string {
  return `bytes=${range.offset}-${range.offset + range.length - 1}`;
}

/**
 * Parses a `Range` header of one run with both ends, the only form that services serve.
 *
 * @throws `invalid` for anything else
 */
export function parseRangeHeader(
  text: string,
): { readonly offset: number; readonly length: number } {
  const match = /^bytes=([0-9]{1,15})-([0-9]{1,15})$/.exec(text);
  const offset = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (match !== null && last >= offset) return { offset, length: last - offset + 1 };
  throw new GitStratumError("invalid", "Expect a range with both ends", {
    data: { found: text.slice(0, 80) },
  });
}

function brokenBatch(offset: number): GitStratumError {
  return new GitStratumError("invalid", "Expect a batch of extents", { data: { offset } });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
