/**
 * pkt-lines: the frames of git's wire protocol (gitprotocol-common). Four hexadecimal digits give the
 * length of a line, themselves included; 0000, 0001 and 0002 are the special packets.
 *
 * Encoders give fresh arrays on every call, because streams may take the buffers they are handed.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";
import { PKT_LINE_PAYLOAD_MAX } from "../limits.ts";

/** One packet. A payload may share memory with the chunk it came in. */
export type PktLine =
  | { readonly kind: "data"; readonly payload: Uint8Array }
  /** 0000: the end of a message. */
  | { readonly kind: "flush" }
  /** 0001: between the sections of a message. */
  | { readonly kind: "delim" }
  /** 0002: the end of a response on a stateless connection. */
  | { readonly kind: "response-end" };

/** Bytes of the length in front of a payload. */
export const PKT_LINE_HEADER_BYTES = 4;

const encoder = new TextEncoder();
const HEX = encoder.encode("0123456789abcdef");

/** Writes the four digits of a packet's length, header included, at `offset` of `target`. */
export function writePktLength(target: Uint8Array, packetBytes: number, offset: number): void {
  target[offset] = HEX[(packetBytes >> 12) & 15]!;
  target[offset + 1] = HEX[(packetBytes >> 8) & 15]!;
  target[offset + 2] = HEX[(packetBytes >> 4) & 15]!;
  target[offset + 3] = HEX[packetBytes & 15]!;
}

/** A data packet. Text is UTF-8 and gets no line feed of its own. */
export function pktLine(payload: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  assert(bytes.length <= PKT_LINE_PAYLOAD_MAX, "A pkt-line fits its limit");
  const packet = new Uint8Array(PKT_LINE_HEADER_BYTES + bytes.length);
  writePktLength(packet, packet.length, 0);
  packet.set(bytes, PKT_LINE_HEADER_BYTES);
  return packet;
}

/** 0000 */
export const flushPkt = (): Uint8Array<ArrayBuffer> => encoder.encode("0000");
/** 0001 */
export const delimPkt = (): Uint8Array<ArrayBuffer> => encoder.encode("0001");
/** 0002 */
export const responseEndPkt = (): Uint8Array<ArrayBuffer> => encoder.encode("0002");

/** The packet that ends a conversation with a message for people: `ERR <message>`. */
export function errorPkt(message: string): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(`ERR ${message}\n`);
  return pktLine(text.length <= PKT_LINE_PAYLOAD_MAX ? text : text.slice(0, PKT_LINE_PAYLOAD_MAX));
}

/**
 * The text of a payload, less one line feed at its end.
 *
 * @throws `invalid` when it is not UTF-8
 */
export function pktText(payload: Uint8Array): string {
  const end = payload.length - (payload[payload.length - 1] === 0x0a ? 1 : 0);
  try {
    return strictText.decode(payload.subarray(0, end));
  } catch (cause) {
    throw new GitStratumError("invalid", "Expect UTF-8 in a pkt-line", { cause });
  }
}

const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Collects many packets in one growing buffer: advertisements, acknowledgments, reports. */
export class PktLineBuffer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  #length = 0;

  /** Bytes collected so far. */
  get byteLength(): number {
    return this.#length;
  }

  /** Adds a data packet of UTF-8 text, as it is. */
  text(text: string): this {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    this.#reserve(PKT_LINE_HEADER_BYTES + text.length * 3);
    const start = this.#length;
    const { read, written } = encoder.encodeInto(
      text,
      this.#bytes.subarray(start + PKT_LINE_HEADER_BYTES),
    );
    assert(read === text.length && written <= PKT_LINE_PAYLOAD_MAX, "A pkt-line fits its limit");
    writePktLength(this.#bytes, PKT_LINE_HEADER_BYTES + written, start);
    this.#length = start + PKT_LINE_HEADER_BYTES + written;
    return this;
  }

  /** Adds a data packet. */
  data(payload: Uint8Array): this {
    return this.raw(pktLine(payload));
  }

  /** Adds 0000. */
  flush(): this {
    return this.raw(flushPkt());
  }

  /** Adds 0001. */
  delim(): this {
    return this.raw(delimPkt());
  }

  /** Adds 0002. */
  responseEnd(): this {
    return this.raw(responseEndPkt());
  }

  /** Adds bytes that are packets already. */
  raw(packets: Uint8Array): this {
    this.#reserve(packets.length);
    this.#bytes.set(packets, this.#length);
    this.#length += packets.length;
    return this;
  }

  /** Hands the packets over and starts anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(1024);
    this.#length = 0;
    return taken;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
