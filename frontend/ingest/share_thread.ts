/**
 * A second thread for a share of a large push. It exists until the share is resolved, so that its
 * memory is given back before the push is written.
 *
 * @module
 */

import { assert, INGEST_SHARE_ENTRY_COUNT_MIN, INGEST_SHARE_RING_BYTES } from "@gitstratum/core";
import { objectBytesMaxOf } from "./ingest_memory.ts";
import type { ResolvedShare, ShareBatch, ShareHelper, ShareTerms } from "./pack_share.ts";
import { errorOf, type ErrorRecord } from "./worker_message.ts";

/** Where the thread finds the pack. */
export interface ShareThreadPlace {
  /** Path of the directory that holds the spool. */
  readonly directory: string;
  /** Name of the spool's file. */
  readonly spoolName: string;
  /**
   * Holds 1 once the ingest has ended, and is notified then: ending its thread does not end the
   * threads that it made.
   */
  readonly ended: Int32Array<SharedArrayBuffer>;
}

/** What the thread is told. */
export type ToShareThread =
  | {
    readonly kind: "begin";
    readonly place: ShareThreadPlace;
    readonly terms: ShareTerms;
    /** Where the thread counts what it has done, in KiB of cost. */
    readonly doneKib: Int32Array<SharedArrayBuffer>;
  }
  | { readonly kind: "take"; readonly batch: ShareBatch }
  | { readonly kind: "finish" };

/** What the thread answers, once. */
export type ShareThreadAnswer =
  | { readonly kind: "done"; readonly share: ResolvedShare }
  | { readonly kind: "failed"; readonly error: ErrorRecord };

/** Takes a share in, in a worker. */
export class ShareThread implements ShareHelper {
  /** {@inheritDoc ShareHelper.entryCountMin} */
  readonly entryCountMin = INGEST_SHARE_ENTRY_COUNT_MIN;
  /** {@inheritDoc ShareHelper.objectBytesMax} */
  readonly objectBytesMax: number = objectBytesMaxOf(INGEST_SHARE_RING_BYTES);
  readonly #place: ShareThreadPlace;
  readonly #doneKib = new Int32Array(new SharedArrayBuffer(4));
  #givenKib = 0;
  #worker: Worker | undefined;
  #answer: Promise<ShareThreadAnswer> | undefined;

  /** Makes a helper that has no thread yet. */
  constructor(place: ShareThreadPlace) {
    this.#place = place;
  }

  /** {@inheritDoc ShareHelper.backlogKib} */
  get backlogKib(): number {
    return this.#givenKib - Atomics.load(this.#doneKib, 0);
  }

  /** {@inheritDoc ShareHelper.begin} */
  begin(terms: ShareTerms): void {
    const worker = new Worker(new URL("./share_worker.ts", import.meta.url), { type: "module" });
    const { promise, resolve } = Promise.withResolvers<ShareThreadAnswer>();
    worker.onmessage = ({ data }: MessageEvent<ShareThreadAnswer>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      const data = { reason: event.message };
      const message = "Lose a thread of an ingest";
      resolve({ kind: "failed", error: { code: "unavailable", message, data } });
    };
    this.#worker = worker;
    this.#answer = promise;
    this.#send({ kind: "begin", place: this.#place, terms, doneKib: this.#doneKib });
  }

  /** {@inheritDoc ShareHelper.take} */
  take(batch: ShareBatch): void {
    for (const costKib of batch.costsKib) this.#givenKib += costKib;
    this.#send({ kind: "take", batch });
  }

  /** {@inheritDoc ShareHelper.finish} */
  async finish(): Promise<ResolvedShare> {
    this.#send({ kind: "finish" });
    const answer = await this.#answer;
    assert(answer !== undefined, "Only a share that was begun is finished");
    if (answer.kind === "failed") throw errorOf(answer.error);
    return answer.share;
  }

  /** {@inheritDoc ShareHelper.close} */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #send(message: ToShareThread): void {
    this.#worker?.postMessage(message);
  }
}
