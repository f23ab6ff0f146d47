/**
 * Finds the end of a pack in a stream that stays open behind it.
 *
 * Over a stateful transport a client may send its pack and then wait for the report without a word
 * (git's own client closes its side, others do not). A pack ends with the hash of all that stands before
 * it, so each time the client pauses, the hash of what came so far tells whether that was all.
 *
 * The end found here says nothing about the pack: whoever reads it still checks every entry.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { type ObjectFormat, oidBytes } from "@gitstratum/core/git";

/** Bytes of the header of a pack. */
const HEADER_BYTES = 12;

/** Hashes all bytes but the last few, which may be the trailer. */
class TrailerWatch {
  readonly #hash: Hash;
  readonly #trailerBytes: number;
  #tail: Uint8Array = new Uint8Array();
  #bytes = 0;

  constructor(format: ObjectFormat) {
    this.#hash = createHash(format);
    this.#trailerBytes = oidBytes(format);
  }

  /** Takes the next bytes; whether the stream so far ends with its own hash. */
  endsWith(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length;
    this.#advance(chunk);
    if (this.#bytes < HEADER_BYTES + this.#trailerBytes) return false;
    return this.#hash.copy().digest().equals(this.#tail);
  }

  #advance(chunk: Uint8Array): void {
    const kept = Math.max(0, this.#trailerBytes - chunk.length);
    const leaving = this.#tail.subarray(0, Math.max(0, this.#tail.length - kept));
    this.#hash.update(leaving);
    const split = Math.max(0, chunk.length - this.#trailerBytes);
    this.#hash.update(chunk.subarray(0, split));
    const tail = new Uint8Array(this.#tail.length - leaving.length + chunk.length - split);
    tail.set(this.#tail.subarray(leaving.length));
    tail.set(chunk.subarray(split), this.#tail.length - leaving.length);
    this.#tail = tail;
  }
}

/** The same bytes in a stream that also ends where a pack ends, when nothing has come behind it. */
export function endingWithPack(
  source: ReadableStream<Uint8Array>,
  format: ObjectFormat,
): ReadableStream<Uint8Array> {
  const watch = new TrailerWatch(format);
  const reader = source.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      const isEnd = watch.endsWith(value);
      controller.enqueue(value);
      if (!isEnd) return;
      controller.close();
      await reader.cancel();
    },
    async cancel(reason) {
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
