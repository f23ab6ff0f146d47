/**
 * A task that a client waits for: while it runs, its progress goes out as packets, and keep-alives go
 * out when there is none, so that neither people nor proxies think the connection dead.
 *
 * @module
 */

import { type Clock, WAIT_IS_OVER } from "@gitstratum/core";

/** Longest silence while the server computes. Proxies commonly cut a line after 30 to 60 s. */
export const KEEP_ALIVE_MS = 5000;
/** Progress text kept for a client that does not read; older text gives way. */
const PENDING_CHARACTERS_MAX = 16 * 1024;

/** How a task is shown. */
export interface LiveTaskOptions {
  readonly clock: Clock;
  /** Makes a packet of progress text; absent when the client wants none. */
  readonly frameProgress?: (text: string) => Uint8Array;
  /** The packet of a keep-alive; absent when the protocol has none. */
  readonly keepAlive?: Uint8Array;
  /** Nothing goes out before this resolves: an HTTP client reads no answer while it still sends. */
  readonly quietUntil?: Promise<void>;
}

/** Progress text on its way to the client. */
class ProgressQueue {
  #text = "";
  #wake = Promise.withResolvers<void>();

  push(text: string): void {
    this.#text = (this.#text + text).slice(-PENDING_CHARACTERS_MAX);
    this.#wake.resolve();
  }

  /** Resolves when there is text. */
  get filled(): Promise<void> {
    return this.#wake.promise;
  }

  take(): string {
    const text = this.#text;
    this.#text = "";
    this.#wake = Promise.withResolvers<void>();
    return text;
  }
}

/** Resolves after the keep-alive interval, or at once when the signal aborts. */
async function interval(clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(KEEP_ALIVE_MS, signal);
  } catch (error) {
    // The sleep was cut short because something else happened; that is what the caller looks at.
    if (!signal.aborted) throw error;
  }
}

/**
 * Runs `start` and yields packets until its promise settles; returns its value, throws its error.
 * When the consumer stops early, the task is still awaited: whoever aborts it must do so by its own
 * signal before.
 */
export async function* liveTask<T>(
  start: (progress: (text: string) => void) => Promise<T>,
  options: LiveTaskOptions,
): AsyncGenerator<Uint8Array, T> {
  const { clock, frameProgress, keepAlive } = options;
  const queue = new ProgressQueue();
  const task = start((text) => frameProgress === undefined ? undefined : queue.push(text));
  let settled = false;
  const done = task.then(() => undefined, () => undefined).then(() => void (settled = true));
  try {
    if (options.quietUntil !== undefined) await Promise.race([options.quietUntil, done]);
    while (!settled) {
      const timer = new AbortController();
      await Promise.race([done, queue.filled, interval(clock, timer.signal)]);
      timer.abort(WAIT_IS_OVER);
      const text = queue.take();
      if (text !== "") yield frameProgress!(text);
      else if (!settled && keepAlive !== undefined) yield keepAlive.slice();
    }
    const last = queue.take();
    if (last !== "") yield frameProgress!(last);
  } finally {
    await done;
  }
  return await task;
}
