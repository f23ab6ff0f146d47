/**
 * The pack in a push's request: handed to one consumer, and over HTTP read to its end whatever that
 * does.
 *
 * An HTTP client that is still sending does not read the answer, and one whose connection is cut never
 * sees it. So after a failure the rest of the body is read and thrown away, within a bound. A client of
 * a stateful transport reads while it sends, and may keep its side open until it has seen the answer:
 * there nothing is waited for.
 *
 * @module
 */

import { MIB } from "@gitstratum/core";

/** Bytes that are read only to be polite. More than that, and the connection is cut. */
const DISCARDED_BYTES_MAX = 1024 * MIB;

/** A pack on its way in. */
export class PackBody {
  /** The pack's bytes. Cancelling it leaves the rest to {@link discardRest}. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Resolves when the request holds no more bytes, or broke. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #end = Promise.withResolvers<void>();
  readonly #stateless: boolean;

  /** Takes the source over. */
  constructor(
    source: ReadableStream<Uint8Array>,
    options: { readonly stateless: boolean } = { stateless: true },
  ) {
    this.#stateless = options.stateless;
    this.#reader = source.getReader();
    this.ended = this.#end.promise;
    this.stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await this.#read();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Gives the source up; of a request that stands alone, reads what is left before, up to a bound.
   * Never fails.
   */
  async discardRest(): Promise<void> {
    try {
      for (let bytes = 0; this.#stateless && bytes <= DISCARDED_BYTES_MAX;) {
        const chunk = await this.#read();
        if (chunk === undefined) break;
        bytes += chunk.length;
      }
      await this.#reader.cancel();
    } catch {
      // A body that broke has no rest. Whoever read the pack has met the error, or needs it not.
    } finally {
      this.#end.resolve();
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#reader.read();
      if (done) this.#end.resolve();
      return done ? undefined : value;
    } catch (error) {
      this.#end.resolve();
      throw error;
    }
  }
}
