/**
 * pkt-lines, apart from the server's own code so that a shared mistake can not hide.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A line with its length. */
export function packetLine(text: string): string {
  return (encoder.encode(text).length + 4).toString(16).padStart(4, "0") + text;
}

/** A packet: its payload, or the special packet of that length. */
export type Packet =
  | { readonly kind: "data"; readonly payload: Uint8Array }
  | { readonly kind: "flush" | "delimiter" | "end" };

const SPECIAL = ["flush", "delimiter", "end"] as const;

/** Value of a hexadecimal digit's character, NaN for anything else. */
function digit(code: number | undefined): number {
  return code === undefined ? NaN : Number.parseInt(String.fromCharCode(code), 16);
}

/** Cuts bytes into packets. @throws when they end within one */
export function* packets(bytes: Uint8Array): Generator<Packet> {
  for (let at = 0; at < bytes.length;) {
    const length = (digit(bytes[at]) << 12) | (digit(bytes[at + 1]) << 8) |
      (digit(bytes[at + 2]) << 4) | digit(bytes[at + 3]);
    const special = SPECIAL[length];
    if (special !== undefined) {
      if (at + 4 > bytes.length) throw new Error("The stream ends within a packet");
      yield { kind: special };
      at += 4;
      continue;
    }
    if (length < 4 || at + length > bytes.length) {
      throw new Error("The stream ends within a packet");
    }
    yield { kind: "data", payload: bytes.subarray(at + 4, at + length) };
    at += length;
  }
}

/** A packet's text without line end. */
export function packetText(payload: Uint8Array): string {
  return decoder.decode(payload).replace(/\n$/, "");
}
