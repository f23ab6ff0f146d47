/**
 * A thread for an ingest that is made before anybody needs it: making one, and compiling what it runs,
 * takes longer than the ingest of a small repository.
 *
 * @module
 */

import type { FromWorker, ToWorker } from "./worker_message.ts";

/** Makes a thread that waits for its task. */
export function newIngestWorker(): Worker {
  return new Worker(new URL("./ingest_worker.ts", import.meta.url), { type: "module" });
}

/** At most one thread that waits. */
export class SpareWorker {
  #worker: Worker | undefined;

  /**
   * Makes a thread, unless one waits already, and lets it practise so many packs. Resolves when it has,
   * or when that will never be: it was taken, closed, or lost.
   */
  prepare(rounds: number): Promise<void> {
    if (this.#worker !== undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const worker = newIngestWorker();
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "ready") resolve();
    };
    // Nothing waits for it: whoever wants a thread makes one, and hears why that fails.
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.#worker === worker) this.#worker = undefined;
      resolve();
    };
    worker.postMessage({ kind: "practise", rounds } satisfies ToWorker);
    this.#onGone = resolve;
    return promise;
  }

  /** The thread, which is the caller's from now on; a new one when none waits. */
  take(): Worker {
    const worker = this.#worker ?? newIngestWorker();
    this.#worker = undefined;
    this.#onGone();
    return worker;
  }

  /** Ends the thread that waits, if there is one. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#onGone();
  }

  #onGone: () => void = () => undefined;
}
