/**
 * Reads pkt-lines from a byte stream, then hands over the stream behind them.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import type { PktLine } from "./pkt_line.ts";
import { PktLineDecoder } from "./pkt_line_decoder.ts";

/** How a {@link PktLineReader} reads. */
export interface PktLineReaderOptions {
  /** Most bytes read as packets over the reader's life; what {@link PktLineReader.rest} gives is not counted. */
  readonly bytesMax?: number;
}

/** A reader over a stream of packets. It owns the stream until {@link rest} or {@link cancel}. */
export class PktLineReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new PktLineDecoder();
  readonly #bytesMax: number;
  #packetBytes = 0;
  #peeked: PktLine | undefined;
  #ended = false;

  /** Locks `stream`. */
  constructor(stream: ReadableStream<Uint8Array>, options: PktLineReaderOptions = {}) {
    this.#reader = stream.getReader();
    this.#bytesMax = options.bytesMax ?? Infinity;
  }

  /**
   * The next packet, or undefined when the stream ended between two packets.
   *
   * @throws `invalid` when a length is malformed
   * @throws `aborted` when the stream ended inside a packet
   * @throws `exhausted` when the packets are more than the reader's limit
   */
  async read(): Promise<PktLine | undefined> {
    const packet = await this.peek();
    this.#peeked = undefined;
    return packet;
  }

  /** The packet that {@link read} will give; fails like it. */
  async peek(): Promise<PktLine | undefined> {
    while (this.#peeked === undefined && !this.#ended) {
      this.#peeked = this.#decoder.next();
      if (this.#peeked === undefined) await this.#fill();
      else this.#count(this.#peeked);
    }
    return this.#peeked;
  }

  /**
   * Like {@link read}, where the conversation must not end yet.
   *
   * @throws `aborted` when it does
   */
  async expect(): Promise<PktLine> {
    const packet = await this.read();
    if (packet !== undefined) return packet;
    throw new GitStratumError("aborted", "Expect another pkt-line before the stream ends", {});
  }

  /**
   * The bytes behind the packets read so far. The reader must not be used afterwards. A peeked packet
   * is lost, so read it first.
   */
  rest(): ReadableStream<Uint8Array> {
    const reader = this.#reader;
    let first: Uint8Array | undefined = this.#decoder.takeRest();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (first !== undefined && first.length > 0) {
          controller.enqueue(first);
          first = undefined;
          return;
        }
        first = undefined;
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        await reader.cancel(reason);
      },
    }, { highWaterMark: 0 });
  }

  /** Gives the stream up. */
  async cancel(reason?: unknown): Promise<void> {
    this.#ended = true;
    await this.#reader.cancel(reason);
  }

  async #fill(): Promise<void> {
    const { done, value } = await this.#reader.read();
    if (!done) return this.#decoder.push(value);
    this.#ended = true;
    if (!this.#decoder.atBoundary) {
      throw new GitStratumError("aborted", "Reject a stream that ends inside a pkt-line", {});
    }
  }

  #count(packet: PktLine): void {
    this.#packetBytes += packet.kind === "data" ? packet.payload.length + 4 : 4;
    if (this.#packetBytes <= this.#bytesMax) return;
    throw new GitStratumError("exhausted", "Reject a request that is too long", {
      data: { bytesMax: this.#bytesMax },
    });
  }
}
