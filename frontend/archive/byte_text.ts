/**
 * Paths as text with one character for each byte. Names in trees are bytes in no known encoding; in this
 * form they can be joined, compared and matched like text, and come out as they were.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Text of bytes: each character is below 256. */
export type ByteText = string & { readonly __brand: "ByteText" };

/** No bytes. */
export const NO_BYTES = "" as ByteText;

/** The text of bytes. */
export function byteText(bytes: Uint8Array): ByteText {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1") as ByteText;
}

/** The text of what people wrote, as UTF-8. */
export function utf8ByteText(text: string): ByteText {
  return byteText(new TextEncoder().encode(text));
}

/** One text behind the other. */
export function joinBytes(...parts: readonly string[]): ByteText {
  return parts.join("") as ByteText;
}

/** The bytes of a text. */
export function toBytes(text: ByteText): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}
