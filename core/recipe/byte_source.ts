/**
 * A stream's bytes, buffered as far as a decoder needs to look ahead.
 *
 * @module
 */

import type { VarintCursor } from "./varint.ts";

const BUFFER_BYTES_MIN = 32 * 1024;

/** Bytes read and not yet decoded. Appends cost amortised constant time per byte. */
export class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** A cursor over what is buffered; report how far it went with {@link consume}. */
  cursor(): VarintCursor {
    return { bytes: this.#buffer.subarray(this.#start, this.#end), offset: 0 };
  }

  get length(): number {
    return this.#end - this.#start;
  }

  consume(count: number): void {
    this.#start += count;
  }

  /** Buffers the next chunk; false at the end of the stream. */
  async fill(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    this.#append(value);
    return true;
  }

  #append(chunk: Uint8Array): void {
    const length = this.length;
    if (this.#end + chunk.length > this.#buffer.length) {
      const fits = length + chunk.length <= this.#buffer.length / 2;
      const target = fits
        ? this.#buffer
        : new Uint8Array(Math.max(BUFFER_BYTES_MIN, (length + chunk.length) * 2));
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#start = 0;
      this.#end = length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  async cancel(reason?: unknown): Promise<void> {
    // The stream may be errored already; there is nothing left to release then.
    await this.#reader.cancel(reason).catch(() => undefined);
  }
}
