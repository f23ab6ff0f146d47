/**
 * The answer to a fetch while it streams by: for loads too large to keep in memory. It takes HTTP's
 * chunks and git's packets off by counting, hashes the pack when asked to, and keeps nothing.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { headEnd, parseHead } from "./http_exchange.ts";

/** What came by. */
export interface StreamedPack {
  readonly packBytes: number;
  readonly objectCount: number;
  /** Last bytes of the pack, hexadecimal. */
  readonly trailer: string;
}

const HASH_BYTES = 20;
const PACK_HEADER_BYTES = 12;
const CHUNK_LINE_BYTES_MAX = 32;

type State = "head" | "chunk size" | "chunk" | "chunk end" | "done";

/** Feeds on the bytes of one connection. */
export class PackStream {
  #state: State = "head";
  #held: Uint8Array = new Uint8Array();
  #chunked = false;
  #chunkLeft = Infinity;
  readonly #packets = new PacketCounter();
  readonly #hash: Hash | undefined;
  #lastBytes = new Uint8Array();
  #firstBytes = new Uint8Array();
  #packBytes = 0;

  /** With `hashed`, {@link finish} proves the trailer. */
  constructor(options: { readonly hashed: boolean }) {
    this.#hash = options.hashed ? createHash("sha1") : undefined;
  }

  /** The last chunk has come; without chunks, only the end of the connection tells. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** Takes the next bytes from the connection. */
  push(bytes: Uint8Array): void {
    let rest = this.#held.length === 0 ? bytes : joined(this.#held, bytes);
    this.#held = new Uint8Array();
    while (rest.length > 0 && this.#state !== "done") {
      const used = this.#step(rest);
      if (used === 0) {
        this.#held = rest.slice();
        return;
      }
      rest = rest.subarray(used);
    }
  }

  /** The end of the connection. @throws when the answer was not whole or the trailer is wrong */
  finish(): StreamedPack {
    const whole = this.#chunked ? this.#state === "done" : this.#state === "chunk";
    if (!whole || !this.#packets.ended) throw new Error("The answer has no end");
    const view = new DataView(this.#firstBytes.buffer);
    if (this.#packBytes < PACK_HEADER_BYTES + HASH_BYTES || view.getUint32(0) !== 0x5041434b) {
      throw new Error("The answer holds no pack");
    }
    const trailer = this.#lastBytes.toHex();
    if (this.#hash !== undefined && this.#hash.digest("hex") !== trailer) {
      throw new Error("The trailer is wrong");
    }
    return { packBytes: this.#packBytes, objectCount: view.getUint32(8), trailer };
  }

  /** Consumes something and answers how many bytes; 0 asks for more. */
  #step(bytes: Uint8Array): number {
    switch (this.#state) {
      case "head":
        return this.#head(bytes);
      case "chunk size":
        return this.#chunkSize(bytes);
      case "chunk":
        return this.#chunk(bytes);
      case "chunk end":
        if (bytes.length < 2) return 0;
        this.#state = "chunk size";
        return 2;
      case "done":
        return bytes.length;
    }
  }

  #head(bytes: Uint8Array): number {
    const end = headEnd(bytes);
    if (end < 0) return 0;
    const { status, headers } = parseHead(bytes.subarray(0, end));
    if (status !== 200) throw new Error(`The server answered ${status}`);
    this.#chunked = headers["transfer-encoding"] === "chunked";
    this.#state = this.#chunked ? "chunk size" : "chunk";
    return end;
  }

  #chunkSize(bytes: Uint8Array): number {
    const end = bytes.subarray(0, CHUNK_LINE_BYTES_MAX).indexOf(10);
    if (end < 0) return 0;
    const size = Number.parseInt(String.fromCharCode(...bytes.subarray(0, end)), 16);
    if (!Number.isInteger(size)) throw new Error("A chunk has no size");
    this.#chunkLeft = size;
    this.#state = size === 0 ? "done" : "chunk";
    return end + 1;
  }

  #chunk(bytes: Uint8Array): number {
    const part = bytes.subarray(0, Math.min(bytes.length, this.#chunkLeft));
    this.#packets.push(part, (payload) => this.#pack(payload));
    this.#chunkLeft -= part.length;
    if (this.#chunkLeft === 0) this.#state = "chunk end";
    return part.length;
  }

  #pack(payload: Uint8Array): void {
    if (this.#firstBytes.length < PACK_HEADER_BYTES) {
      const missing = PACK_HEADER_BYTES - this.#firstBytes.length;
      this.#firstBytes = joined(this.#firstBytes, payload.subarray(0, missing));
    }
    this.#packBytes += payload.length;
    if (payload.length >= HASH_BYTES) {
      this.#hash?.update(this.#lastBytes).update(payload.subarray(0, payload.length - HASH_BYTES));
      this.#lastBytes = payload.slice(payload.length - HASH_BYTES);
      return;
    }
    const both = joined(this.#lastBytes, payload);
    const kept = Math.min(HASH_BYTES, both.length);
    this.#hash?.update(both.subarray(0, both.length - kept));
    this.#lastBytes = both.slice(both.length - kept);
  }
}

/** Finds the payloads of band 1 behind the `packfile` line, cut anywhere. */
class PacketCounter {
  /** The flush behind the pack has come. */
  ended = false;
  #inPack = false;
  #head = "";
  #left = 0;
  #band: number | undefined;
  #line = "";

  push(bytes: Uint8Array, pack: (payload: Uint8Array) => void): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#left === 0) {
        this.#header(bytes[at++]!);
      } else if (this.#inPack && this.#band === undefined) {
        this.#band = bytes[at++]!;
        this.#left--;
      } else {
        const part = bytes.subarray(at, at + this.#left);
        this.#payload(part, pack);
        at += part.length;
      }
    }
  }

  #header(byte: number): void {
    this.#head += String.fromCharCode(byte);
    if (this.#head.length < 4) return;
    const length = Number.parseInt(this.#head, 16);
    this.#head = "";
    if (length === 0 && this.#inPack) this.ended = true;
    if (length >= 4) this.#left = length - 4;
    this.#band = undefined;
    this.#line = "";
  }

  #payload(part: Uint8Array, pack: (payload: Uint8Array) => void): void {
    this.#left -= part.length;
    if (this.#inPack) {
      if (this.#band === 3) throw new Error("The server failed within the pack");
      if (this.#band === 1) pack(part);
      return;
    }
    this.#line += new TextDecoder("latin1").decode(part);
    if (this.#left === 0 && this.#line === "packfile\n") this.#inPack = true;
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
