/**
 * Decodes pkt-lines from chunks that are cut anywhere.
 *
 * Invariants: a chunk is copied only where a packet crosses its end; what is kept between chunks is
 * never more than one packet, so a client can make it neither large nor slow.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";
import { PKT_LINE_PAYLOAD_MAX } from "../limits.ts";
import { PKT_LINE_HEADER_BYTES, type PktLine } from "./pkt_line.ts";

const PACKET_BYTES_MAX = PKT_LINE_HEADER_BYTES + PKT_LINE_PAYLOAD_MAX;

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/**
 * The length that the four digits at `offset` give: 0, 1, 2, or 4 and more.
 *
 * @throws `invalid` when they are no digits or no length
 */
export function parsePktLength(bytes: Uint8Array, offset = 0): number {
  let length = 0;
  for (let index = 0; index < PKT_LINE_HEADER_BYTES; index++) {
    const digit = hexDigit(bytes[offset + index] ?? 0);
    if (digit < 0) throw badLength(bytes, offset);
    length = length * 16 + digit;
  }
  if (length === 3 || length > PACKET_BYTES_MAX) throw badLength(bytes, offset);
  return length;
}

function badLength(bytes: Uint8Array, offset: number): GitStratumError {
  const found = String.fromCharCode(...bytes.subarray(offset, offset + PKT_LINE_HEADER_BYTES));
  return new GitStratumError("invalid", "Reject a bad pkt-line length", { data: { found } });
}

function specialOf(length: number): PktLine {
  switch (length) {
    case 0:
      return { kind: "flush" };
    case 1:
      return { kind: "delim" };
    default:
      return { kind: "response-end" };
  }
}

/** Turns chunks into packets. */
export class PktLineDecoder {
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** The beginning of a packet that the earlier chunks did not complete. */
  readonly #partial = new Uint8Array(PACKET_BYTES_MAX);
  #partialBytes = 0;

  /** Takes a chunk. All packets of the one before must have been taken with {@link next}. */
  push(chunk: Uint8Array): void {
    assert(this.#offset === this.#chunk.length, "The last chunk has been used up");
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * The next packet, or undefined when another chunk is needed.
   *
   * @throws `invalid` when a length is malformed
   */
  next(): PktLine | undefined {
    if (this.#partialBytes > 0) return this.#nextAcrossChunks();
    const left = this.#chunk.length - this.#offset;
    const length = left < PKT_LINE_HEADER_BYTES ? Infinity : this.#lengthAt();
    if (length > left) {
      this.#keep(left);
      return undefined;
    }
    const start = this.#offset + PKT_LINE_HEADER_BYTES;
    if (length < PKT_LINE_HEADER_BYTES) {
      this.#offset = start;
      return specialOf(length);
    }
    this.#offset += length;
    return { kind: "data", payload: this.#chunk.subarray(start, this.#offset) };
  }

  /** Whether the bytes so far end between two packets. */
  get atBoundary(): boolean {
    return this.#partialBytes === 0 && this.#offset === this.#chunk.length;
  }

  /** Takes out the bytes behind the last packet: what follows the packets in the same stream. */
  takeRest(): Uint8Array {
    const rest = new Uint8Array(this.#partialBytes + this.#chunk.length - this.#offset);
    rest.set(this.#partial.subarray(0, this.#partialBytes));
    rest.set(this.#chunk.subarray(this.#offset), this.#partialBytes);
    this.#partialBytes = 0;
    this.#offset = this.#chunk.length;
    return rest;
  }

  #lengthAt(): number {
    return parsePktLength(this.#chunk, this.#offset);
  }

  #nextAcrossChunks(): PktLine | undefined {
    if (!this.#fillPartial(PKT_LINE_HEADER_BYTES)) return undefined;
    const length = parsePktLength(this.#partial);
    if (!this.#fillPartial(length)) return undefined;
    this.#partialBytes = 0;
    if (length < PKT_LINE_HEADER_BYTES) return specialOf(length);
    return { kind: "data", payload: this.#partial.slice(PKT_LINE_HEADER_BYTES, length) };
  }

  /** Moves bytes of the chunk until the partial packet has `wanted`; whether it has. */
  #fillPartial(wanted: number): boolean {
    const missing = wanted - this.#partialBytes;
    if (missing > 0) this.#keep(Math.min(missing, this.#chunk.length - this.#offset));
    return this.#partialBytes >= wanted;
  }

  #keep(count: number): void {
    this.#partial.set(this.#chunk.subarray(this.#offset, this.#offset + count), this.#partialBytes);
    this.#partialBytes += count;
    this.#offset += count;
  }
}
