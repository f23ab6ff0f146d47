/**
 * What a server answered to a fetch, taken apart so that two answers can be compared: the protocol's
 * lines without what may differ freely (progress, cuts of side bands), and the pack.
 *
 * @module
 */

import { joined, PacketCursor, textOf } from "./packets.ts";

/** An answer. */
export interface FetchAnswer {
  /** HTTP status. */
  readonly status: number;
  /**
   * Lines in order. Special packets stand as `0000` and `0001`, a pack as `PACK`. Shallow lines are
   * sorted and come once, as their order has no meaning and git now and then repeats one.
   */
  readonly lines: readonly string[];
  /** Text of an `ERR` packet, of side band 3, or of an HTTP error. */
  readonly error?: string;
  /** The pack; absent when none came. */
  readonly pack?: Uint8Array;
  /** The bytes ended in the middle of something. */
  readonly isBroken: boolean;
}

class AnswerBuilder {
  readonly lines: string[] = [];
  readonly pack: Uint8Array[] = [];
  error: string | undefined;
  isBroken = false;
  #inPack = false;

  /** Takes packets, with or without side bands. */
  read(cursor: PacketCursor, options: { readonly sidebandAll: boolean }): void {
    for (let packet = cursor.next(); packet !== undefined; packet = cursor.next()) {
      if (packet.kind !== "data") this.#special(packet.kind);
      else if (this.#inPack || options.sidebandAll) this.#banded(packet.payload);
      else this.#line(packet.payload);
    }
    this.#rest(cursor.rest);
  }

  #rest(rest: Uint8Array): void {
    if (rest.length === 0) return;
    const isPack = textOf(rest.subarray(0, 4)) === "PACK";
    if (isPack && this.pack.length === 0) this.#addPack(rest);
    else this.isBroken = true;
  }

  #special(kind: "flush" | "delim" | "end"): void {
    if (kind === "flush") this.#inPack = false;
    this.lines.push(kind === "flush" ? "0000" : kind === "delim" ? "0001" : "0002");
  }

  #line(payload: Uint8Array): void {
    // Version 0 goes over to side bands without a word.
    if (payload[0]! <= 3 && payload[0]! > 0) {
      this.#inPack = true;
      return this.#banded(payload);
    }
    this.#text(textOf(payload));
  }

  #text(text: string): void {
    if (text.startsWith("ERR ")) this.error = text.slice(4).trim();
    else this.lines.push(text);
    if (text === "packfile") this.#inPack = true;
  }

  #banded(payload: Uint8Array): void {
    const content = payload.subarray(1);
    if (payload[0] === 3) this.error = textOf(content).trim();
    else if (payload[0] === 1 && content.length > 0) {
      if (this.#inPack) this.#addPack(content);
      else this.#text(textOf(content));
    } else if (payload[0] !== 1 && payload[0] !== 2) this.#text(textOf(payload));
  }

  #addPack(bytes: Uint8Array): void {
    if (this.pack.length === 0) this.lines.push("PACK");
    this.pack.push(bytes);
  }
}

function sortedBoundary(lines: readonly string[]): string[] {
  const isBoundary = (text: string) => /^(un)?shallow /.test(text);
  const sorted = [...new Set(lines.filter(isBoundary))].sort();
  return lines.flatMap((text) => isBoundary(text) ? sorted.splice(0) : [text]);
}

/** Takes an answer apart. */
export async function readFetchAnswer(
  response: Response,
  options: { readonly sidebandAll: boolean },
): Promise<FetchAnswer> {
  const { bytes, isCut } = await bodyOf(response);
  if (response.status !== 200) {
    const { status } = response;
    return { status, lines: [], error: textOf(bytes).trim(), isBroken: isCut };
  }
  const builder = new AnswerBuilder();
  builder.read(new PacketCursor(bytes), options);
  return {
    status: response.status,
    lines: sortedBoundary(builder.lines),
    isBroken: builder.isBroken || isCut,
    ...(builder.error === undefined ? {} : { error: builder.error }),
    ...(builder.pack.length === 0 ? {} : { pack: joined(builder.pack) }),
  };
}

/** All bytes of a body, and whether the connection broke before its end. */
async function bodyOf(response: Response): Promise<{ bytes: Uint8Array; isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
    return { bytes: joined(chunks), isCut: false };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { bytes: joined(chunks), isCut: true };
  }
}

/**
 * Whether an answer ends where no answer may end. Git's upload-pack dies of most bad requests with a
 * word on its standard error only, so that is how its refusals look from outside.
 */
export function isSilentRefusal({ lines, error }: FetchAnswer): boolean {
  return error === undefined && !/^(PACK|0000|NAK|ACK .*)$/.test(lines.at(-1) ?? "");
}
