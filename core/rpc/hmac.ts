/**
 * HMAC-SHA-256 (RFC 2104) of short texts by one secret: of what every call between nodes carries.
 *
 * Over the kernel of SHA-256, with what depends on the secret alone made beforehand: the runtime's own
 * makes a stream object for each text, which costs a call more than the hash does.
 *
 * @module
 */

import { sha256 } from "@gitstratum/wasm";

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const INNER = 0x36;
const OUTER = 0x5c;

const encoder = new TextEncoder();

/** Makes message authentication codes. */
export class Hmac {
  readonly #inner: Uint8Array;
  readonly #outer: Uint8Array;

  /** Makes codes by a secret. */
  constructor(secret: string) {
    const bytes = encoder.encode(secret);
    const key = new Uint8Array(BLOCK_BYTES);
    key.set(bytes.length > BLOCK_BYTES ? sha256(bytes) : bytes);
    this.#inner = key.map((byte) => byte ^ INNER);
    this.#outer = key.map((byte) => byte ^ OUTER);
  }

  /** The 32 bytes of a text's code. */
  of(text: string): Uint8Array<ArrayBuffer> {
    const bytes = encoder.encode(text);
    const inner = new Uint8Array(BLOCK_BYTES + bytes.length);
    inner.set(this.#inner);
    inner.set(bytes, BLOCK_BYTES);
    const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);
    outer.set(this.#outer);
    outer.set(sha256(inner), BLOCK_BYTES);
    return sha256(outer);
  }
}
