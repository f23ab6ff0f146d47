/**
 * The output of a child process, for waiting and for messages of failures.
 *
 * @module
 */

/** Output that is kept; the rest is dropped from the front. */
const LOG_CHARS_MAX = 200_000;

/** Collects output and lets callers wait for a line. */
export class LogTail {
  text = "";
  /** Resolves when all streams have ended. */
  readonly ended: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #done = false;

  constructor(streams: readonly ReadableStream<Uint8Array>[]) {
    this.ended = Promise.all(streams.map((stream) => this.#collect(stream))).then(() => {
      this.#done = true;
      this.#changed.resolve();
    });
  }

  /** The first group of the first match; throws when the output ends or the time is up. */
  async waitFor(pattern: RegExp, timeoutMs: number): Promise<string> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const late = new Promise<void>((resolve) =>
      deadline.addEventListener("abort", () => resolve(), { once: true })
    );
    while (true) {
      const found = pattern.exec(this.text)?.[1];
      if (found !== undefined) return found;
      if (this.#done || deadline.aborted) {
        throw new Error(`The process did not print ${pattern}\n${this.text}`);
      }
      await Promise.race([this.#changed.promise, late]);
    }
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream() as never)) {
      this.text = (this.text + chunk).slice(-LOG_CHARS_MAX);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    }
  }
}
