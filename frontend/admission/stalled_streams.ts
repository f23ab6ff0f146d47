/**
 * Ends streams whose clients have stalled, while others wait for the memory or the places that such
 * streams hold; and after a much longer time in any case.
 *
 * A stream is at its client's turn while the client has to send or to take something; a server that is
 * slow itself stalls nobody. Turns that together move too little in too long are a stall.
 *
 * @module
 */

import {
  type Clock,
  GitStratumError,
  MEMORY_WANT_MS,
  STREAM_IDLE_MS_MAX,
  STREAM_PROGRESS_BYTES_MIN,
  STREAM_STALL_MS_MAX,
  WAIT_IS_OVER,
} from "@gitstratum/core";
import type { Counter, Metrics } from "@gitstratum/core/metrics";

/** One direction of a stream, as its client moves it. */
export interface ClientTurns {
  /** Now the client has to send, or to take. */
  begin(): void;
  /** The client did, so many bytes; nothing when it was not its turn. */
  end(bytes: number): void;
  /** The stream has ended. */
  close(): void;
}

/** The world of the watch. */
export interface StalledStreamsOptions {
  readonly clock: Clock;
  /** Whether somebody has waited for long for what streams hold. */
  isWanted(): boolean;
  /** Counts streams that were ended. */
  readonly metrics: Metrics;
}

interface Watched {
  /** Time of turns since enough was moved. */
  idleMs: number;
  /** What they moved. */
  bytes: number;
  turnSinceMs: number | undefined;
  abort(reason: GitStratumError): void;
}

/** Watches streams. */
export class StalledStreams {
  readonly #options: StalledStreamsOptions;
  readonly #streams = new Set<Watched>();
  readonly #ended: Counter;
  #stop = new AbortController();
  #isWatching = false;

  /** Watches nothing yet. */
  constructor(options: StalledStreamsOptions) {
    this.#options = options;
    this.#ended = options.metrics.counter("gitstratum_stalled_streams_total", {
      help: "Streams that were ended because their clients stalled.",
    });
  }

  /** Streams that are watched. */
  get count(): number {
    return this.#streams.size;
  }

  /** Watches one direction of a stream; `abort` ends the stream. */
  watch(abort: (reason: GitStratumError) => void): ClientTurns {
    const { clock } = this.#options;
    const stream: Watched = { idleMs: 0, bytes: 0, turnSinceMs: undefined, abort };
    this.#streams.add(stream);
    void this.#watch();
    return {
      begin: () => stream.turnSinceMs ??= clock.monotonicMs(),
      end: (bytes) => this.#endTurn(stream, bytes),
      close: () => this.#close(stream),
    };
  }

  #endTurn(stream: Watched, bytes: number): void {
    if (stream.turnSinceMs === undefined) return;
    stream.idleMs += this.#options.clock.monotonicMs() - stream.turnSinceMs;
    stream.turnSinceMs = undefined;
    stream.bytes += bytes;
    if (stream.bytes < STREAM_PROGRESS_BYTES_MIN) return;
    stream.idleMs = 0;
    stream.bytes = 0;
  }

  #close(stream: Watched): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#stop.abort(WAIT_IS_OVER);
    this.#stop = new AbortController();
    this.#isWatching = false;
  }

  /** Looks now and then, while there is something to look at. */
  async #watch(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // Aborted means that the last stream has ended.
      await this.#options.clock.sleep(MEMORY_WANT_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#endStalled(this.#options.isWanted() ? STREAM_STALL_MS_MAX : STREAM_IDLE_MS_MAX);
    }
  }

  #endStalled(stallMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const stream of [...this.#streams]) {
      const turnMs = stream.turnSinceMs === undefined ? 0 : nowMs - stream.turnSinceMs;
      if (turnMs === 0 || stream.idleMs + turnMs < stallMs) continue;
      this.#ended.increment();
      this.#close(stream);
      stream.abort(new GitStratumError("exhausted", "End a stream that has stalled"));
    }
  }
}
