/**
 * References as receive-pack lists them, one pkt-line each (gitprotocol-pack, "Reference Discovery"),
 * without capabilities: `oid SP name LF` in byte order of the names, and a flush at the end.
 *
 * A metadata node sends a listing in this form, so that a frontend passes it on without parsing it:
 * only the lengths of packets are read. A listing that ends before its flush was cut off, and is never
 * passed on as a complete one.
 *
 * @module
 */

import { GitStratumError, hasCode } from "../error.ts";
import { type ObjectFormat, zeroOid } from "../git/oid.ts";
import { REFERENCE_NAME_BYTES_MAX } from "../limits.ts";
import type { ReferenceListing } from "../rpc/metadata/metadata.ts";
import type { ProtocolVersion } from "./capabilities.ts";
import { PKT_LINE_HEADER_BYTES, PktLineBuffer } from "./pkt_line.ts";
import { parsePktLength } from "./pkt_line_decoder.ts";

const encoder = new TextEncoder();
/** Bytes of packets that are gathered before they are handed on. */
const BATCH_BYTES = 64 * 1024;
/** A sha256 id, a space and a line feed beside the name. */
const LINE_BYTES_MAX = PKT_LINE_HEADER_BYTES + REFERENCE_NAME_BYTES_MAX + 66;

/** How to list references to a client that is about to push. */
export interface LineAdvertisementOptions {
  /** v1 puts its version in front. */
  readonly version: Exclude<ProtocolVersion, 2>;
  /** What stands behind the NUL of the first line. */
  readonly capabilities: string;
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
}

/** The lines of a listing. Cancelling the stream ends the listing. */
export function encodeReferenceLines(listing: ReferenceListing): ReadableStream<Uint8Array> {
  const batches = listing.references[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const buffer = new PktLineBuffer();
      while (buffer.byteLength < BATCH_BYTES) {
        const { done, value } = await batches.next();
        if (done) {
          controller.enqueue(buffer.flush().take());
          return controller.close();
        }
        for (const { oid, name } of value) buffer.text(`${oid} ${name}\n`);
      }
      controller.enqueue(buffer.take());
    },
    async cancel() {
      await batches.return?.();
    },
  });
}

/**
 * The advertisement of receive-pack made of lines, final flush included. Without references it is a
 * single line that carries the capabilities.
 *
 * @throws `unavailable` when the lines break off or are no pkt-lines
 */
export async function* advertiseReferenceLines(
  lines: ReadableStream<Uint8Array>,
  options: LineAdvertisementOptions,
): AsyncGenerator<Uint8Array> {
  const walk = new PacketWalk();
  let head: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of lines) {
    walk.pass(chunk);
    if (head === undefined) {
      yield chunk;
      continue;
    }
    const seen: Uint8Array = join(head, chunk);
    const first = firstPacketBytes(seen);
    head = first === undefined ? seen : undefined;
    if (first === undefined) continue;
    yield withCapabilities(seen, first, options);
  }
  if (!walk.ended) throw broken("the stream ends early");
}

/** The beginning of a listing, with capabilities on its first line; `first` is that packet's length. */
function withCapabilities(
  lines: Uint8Array,
  first: number,
  options: LineAdvertisementOptions,
): Uint8Array {
  const { version, capabilities, objectFormat } = options;
  const buffer = new PktLineBuffer();
  if (version === 1) buffer.text("version 1\n");
  const tail = encoder.encode(`\0${capabilities}\n`);
  if (first === PKT_LINE_HEADER_BYTES) {
    const none = encoder.encode(`${zeroOid(objectFormat)} capabilities^{}`);
    // The flush of an empty listing stands behind it.
    return buffer.data(join(none, tail)).raw(lines).take();
  }
  // Less the line feed.
  const reference = lines.subarray(PKT_LINE_HEADER_BYTES, first - 1);
  return buffer.data(join(reference, tail)).raw(lines.subarray(first)).take();
}

/** Length of the first packet; undefined when it is not whole yet. */
function firstPacketBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < PKT_LINE_HEADER_BYTES) return undefined;
  const length = Math.max(PKT_LINE_HEADER_BYTES, parsePktLength(bytes));
  return bytes.length < length ? undefined : length;
}

/** Follows packets through chunks that are cut anywhere, to the flush. */
class PacketWalk {
  /** Bytes of the present packet that are still to come. */
  #rest = 0;
  readonly #digits = new Uint8Array(PKT_LINE_HEADER_BYTES);
  #digitCount = 0;
  #ended = false;

  /** Whether the flush has passed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Learns of the next chunk. @throws `unavailable` */
  pass(chunk: Uint8Array): void {
    let at = Math.min(this.#rest, chunk.length);
    this.#rest -= at;
    while (at < chunk.length) {
      if (this.#ended) throw broken("something follows the flush");
      this.#digits[this.#digitCount++] = chunk[at++]!;
      if (this.#digitCount < PKT_LINE_HEADER_BYTES) continue;
      this.#digitCount = 0;
      const length = lengthOf(this.#digits);
      if (length === 0) this.#ended = true;
      else this.#rest = length - PKT_LINE_HEADER_BYTES;
      const step = Math.min(this.#rest, chunk.length - at);
      at += step;
      this.#rest -= step;
    }
  }
}

function lengthOf(digits: Uint8Array): number {
  try {
    const length = parsePktLength(digits);
    if (length === 0 || (length > PKT_LINE_HEADER_BYTES && length <= LINE_BYTES_MAX)) return length;
  } catch (error) {
    if (!hasCode(error, "invalid")) throw error;
  }
  throw broken("a packet is no reference");
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const joined = new Uint8Array(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}

function broken(reason: string): GitStratumError {
  return new GitStratumError("unavailable", "Receive broken lines of references", {
    data: { reason },
  });
}
