/**
 * Runs ingests in threads of their own, a bounded number at a time.
 *
 * A worker serves one ingest and is ended: that returns all of its memory, and ends it when its client
 * is gone, wherever it is. One may be made before it is needed.
 *
 * @module
 */

import { GitStratumError, INGEST_SHARE_ENTRY_COUNT_MIN } from "@gitstratum/core";
import type { ExtentWrite } from "@gitstratum/core/rpc";
import type { IngestHost, IngestResult } from "./ingest_host.ts";
import { SpareWorker } from "./spare_worker.ts";
import { StartedShare } from "./started_share.ts";
import {
  errorOf,
  type FromWorker,
  recordOf,
  type ToWorker,
  type WorkerTask,
} from "./worker_message.ts";

/** One ingest for a worker. */
export interface IngestRun extends Omit<WorkerTask, "ended" | "sharePort"> {
  /** Entries that the pack announces; with many of them a second thread takes a share. */
  readonly entryCount: number;
}

/** A bounded number of workers. */
export class IngestWorkers {
  readonly #spare = new SpareWorker();
  /** Whether a worker is made before it is needed. */
  #isPrepared = false;
  #free: number;
  readonly #queue: (() => void)[] = [];

  /** Allows `count` workers at a time. */
  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Has a worker ready from now on whenever none is at work. Resolves when the first one has practised
   * so many packs, or was needed sooner.
   */
  prepare(rounds: number): Promise<void> {
    this.#isPrepared = true;
    return this.#spare.prepare(rounds);
  }

  /** Ends the worker that waits; those at work go on. */
  close(): void {
    this.#isPrepared = false;
    this.#spare.close();
  }

  /**
   * Runs one ingest when a worker is free.
   *
   * @throws what the ingest throws, or the signal's reason
   */
  async run(
    run: IngestRun,
    host: IngestHost,
    signal?: AbortSignal,
  ): Promise<IngestResult> {
    await this.#acquire();
    try {
      signal?.throwIfAborted();
      return await runWorker(this.#spare.take(), run, { host, signal });
    } finally {
      this.#release();
    }
  }

  async #acquire(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  #release(): void {
    const next = this.#queue.shift();
    if (next !== undefined) return next();
    this.#free++;
    // Without practice: that is for the first push of a process.
    if (this.#isPrepared) void this.#spare.prepare(0);
  }
}

function runWorker(
  worker: Worker,
  { entryCount, ...task }: IngestRun,
  caller: { readonly host: IngestHost; readonly signal: AbortSignal | undefined },
): Promise<IngestResult> {
  const { host, signal } = caller;
  const { promise, resolve, reject } = Promise.withResolvers<IngestResult>();
  const send = (message: ToWorker) => worker.postMessage(message);
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
    switch (message.kind) {
      case "ready":
        return;
      case "call":
        return void answer(host, message, send);
      case "progress":
        return host.progress(message.text);
      case "done":
        return resolve(message.result);
      case "failed":
        return reject(errorOf(message.error));
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(
      new GitStratumError("unavailable", "Lose an ingest worker", {
        data: { reason: event.message },
      }),
    );
  };
  const ended = new Int32Array(new SharedArrayBuffer(4));
  const share = entryCount < INGEST_SHARE_ENTRY_COUNT_MIN
    ? undefined
    : new StartedShare({ ...task, ended }, reject);
  const parts = share === undefined ? {} : { sharePort: share.port };
  const start: ToWorker = { kind: "start", task: { ...task, ...parts, ended } };
  worker.postMessage(start, Object.values(parts));
  return promise.finally(() => {
    signal?.removeEventListener("abort", onAbort);
    Atomics.store(ended, 0, 1);
    Atomics.notify(ended, 0);
    worker.terminate();
    share?.close();
  });
}

/**
 * Frees the bytes of written extents at once. They came from the worker and nobody else has them; the
 * garbage collector would let hundreds of megabytes gather before it looks at them.
 */
function releaseBuffers(extents: readonly ExtentWrite[]): void {
  for (const { bytes } of extents) {
    const buffer = bytes.buffer as ArrayBuffer;
    if (!buffer.detached) buffer.transfer(0);
  }
}

/** Calls the host for a worker; what it throws travels back. */
async function answer(
  host: IngestHost,
  message: Extract<FromWorker, { kind: "call" }>,
  send: (message: ToWorker) => void,
): Promise<void> {
  const { call } = message;
  try {
    const method = host[message.method] as (argument: unknown) => Promise<unknown>;
    const value = await method.call(host, message.argument);
    if (message.method === "write") releaseBuffers(message.argument as readonly ExtentWrite[]);
    send({ kind: "answer", call, value });
  } catch (error) {
    send({ kind: "failure", call, error: recordOf(error) });
  }
}
