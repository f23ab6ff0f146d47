/**
 * pkt-lines, written and read apart from the server's own code, so that both can not be wrong together.
 *
 * @module
 */

const decoder = new TextDecoder();

/** A packet: text of a data packet's bytes, or the name of a special one. */
export type Packet =
  | { readonly kind: "data"; readonly payload: Uint8Array }
  | { readonly kind: "flush" | "delim" | "end" };

/** A line as a packet; the line feed is added. */
export function line(text: string): string {
  const bytes = new TextEncoder().encode(text).length + 5;
  return `${bytes.toString(16).padStart(4, "0")}${text}\n`;
}

/** Reads packets one by one; what is no packet any more is in {@link rest}. */
export class PacketCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** A cursor at the first packet. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes that were not read yet. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  /** The next packet; undefined at the end, or where something else begins. */
  next(): Packet | undefined {
    const head = decoder.decode(this.#bytes.subarray(this.#at, this.#at + 4));
    if (!/^[0-9a-f]{4}$/.test(head)) return undefined;
    const length = parseInt(head, 16);
    if (length === 3 || this.#at + length > this.#bytes.length) return undefined;
    const start = this.#at + 4;
    this.#at += Math.max(4, length);
    if (length === 0) return { kind: "flush" };
    if (length === 1) return { kind: "delim" };
    if (length === 2) return { kind: "end" };
    return { kind: "data", payload: this.#bytes.subarray(start, this.#at) };
  }
}

/** Text of a payload without its line feed. */
export function textOf(payload: Uint8Array): string {
  return decoder.decode(payload).replace(/\n$/, "");
}

/** Chunks as one array. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
