/**
 * Resumable inflate of zlib streams over the memory of an instance.
 *
 * Two ways to take the output. In one buffer (the quick and normal way) each run goes on right
 * behind the one before, so that the output is its own window. Streaming keeps a window of its own
 * (96 KiB), and each run may write anywhere: a huge object passes through a small buffer.
 *
 * @module
 */

import type { Kernels } from "./kernels.ts";

/** How a run ended. */
export type InflateStatus = "needs-input" | "needs-output" | "done" | "corrupt";

const STATUSES: readonly InflateStatus[] = ["needs-input", "needs-output", "done", "corrupt"];

/** An inflater; one stream at a time, any number of them one after the other. */
export class Inflater {
  /** Bytes of input that the last run used. */
  consumed = 0;
  /** Bytes of output that the last run wrote. */
  produced = 0;

  readonly #kernels: Kernels;
  readonly #state: number;
  #window = 0;
  #streaming = false;
  /** Where one-buffer output has to go on; -1 before the first run. */
  #next = -1;
  #results: Uint32Array;

  /** Takes about 8 KiB of the memory of `kernels`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#state = kernels.alloc(kernels.raw.INFLATE_STATE_BYTES.value);
    this.#results = new Uint32Array(kernels.buffer, this.#state, 2);
    this.start();
  }

  /** Begins a stream, whatever became of the one before. */
  start(options: { readonly streaming?: boolean } = {}): void {
    this.#streaming = options.streaming === true;
    if (this.#streaming && this.#window === 0) {
      this.#window = this.#kernels.alloc(this.#kernels.raw.INFLATE_WINDOW_BYTES.value);
    }
    this.#next = -1;
    this.consumed = 0;
    this.produced = 0;
    this.#kernels.raw.inflateStart(this.#state);
  }

  /**
   * Goes on with the stream; sets {@link consumed} and {@link produced} for this run.
   *
   * - "needs-input": all of the input was consumed (what is left of it waits inside).
   * - "needs-output": all of the room was used and there is more to write. When the room is the
   *   object's promised size, the object is larger than promised.
   * - "done": the stream ended and its checksum holds; the input behind `consumed` is not part of
   *   it. A later run consumes nothing and is "done" again.
   * - "corrupt": the stream is refused; what was written so far means nothing.
   *
   * Bytes of the room behind `produced` may be overwritten with anything. In one buffer, the room
   * must begin where the output of the run before ended.
   */
  run(
    inputPointer: number,
    inputBytes: number,
    outputPointer: number,
    outputCapacity: number,
  ): InflateStatus {
    const kernels = this.#kernels;
    kernels.checkRegion(inputPointer, inputBytes);
    kernels.checkRegion(outputPointer, outputCapacity);
    let status: number;
    if (this.#streaming) {
      status = kernels.raw.inflateStreamRun(
        this.#state,
        this.#window,
        inputPointer,
        inputBytes,
        outputPointer,
        outputCapacity,
      );
    } else {
      if (this.#next !== outputPointer && this.#next !== -1) {
        throw new RangeError(`Go on at ${this.#next}, not at ${outputPointer}`);
      }
      status = kernels.raw.inflateRun(
        this.#state,
        inputPointer,
        inputBytes,
        outputPointer,
        outputCapacity,
      );
    }
    this.#readResults();
    this.#next = outputPointer + this.produced;
    return STATUSES[status]!;
  }

  /** Gives the memory back; the inflater must not be used again. */
  close(): void {
    this.#kernels.free(this.#state);
    this.#kernels.free(this.#window);
  }

  #readResults(): void {
    // Growth of the memory detaches every view of it.
    if (this.#results.length === 0) {
      this.#results = new Uint32Array(this.#kernels.buffer, this.#state, 2);
    }
    this.consumed = this.#results[0]!;
    this.produced = this.#results[1]!;
  }
}
