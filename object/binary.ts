/**
 * Numbers and names in the binary formats of this package.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

/** The next multiple of 8 that is not below `length`. */
export function align8(length: number): number {
  return (length + 7) & ~7;
}

/** Writes a non-negative integer below 2^53 as 8 little-endian bytes. */
export function setUint64(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "A number fits 53 bits");
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

/** Reads 8 little-endian bytes; exact below 2^53. */
export function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}

/** Writes a string of ASCII characters. */
export function writeAscii(target: Uint8Array, offset: number, text: string): void {
  for (let index = 0; index < text.length; index++) {
    target[offset + index] = text.charCodeAt(index);
  }
}

/** Reads a string of ASCII characters. */
export function readAscii(source: Uint8Array, offset: number, length: number): string {
  return latin1.decode(source.subarray(offset, offset + length));
}

const latin1 = new TextDecoder("latin1");

/** Whether all characters are printable ASCII without space: what keys and owners are made of. */
export function isPrintableAscii(text: string): boolean {
  return /^[!-~]*$/.test(text);
}
