/**
 * A second thread for a share of a large push, as the ingest sees it: the other end of a message port.
 * It exists until the share is resolved, so that its memory is given back before the push is written.
 *
 * The thread is made by whoever made the ingest's own (`started_share.ts`), not by the ingest: a thread
 * that a worker makes takes the runtime a second to start, half of it for its first message.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import { INGEST_SHARE_ENTRY_COUNT_MIN, INGEST_SHARE_RING_BYTES } from "@gitstratum/core/limits";
import { objectBytesMaxOf } from "./ingest_memory.ts";
import type { ResolvedShare, ShareBatch, ShareHelper, ShareTerms } from "./pack_share.ts";
import { errorOf, type ErrorRecord } from "./worker_message.ts";

/** What the thread is told through its port. */
export type ToShareThread =
  | {
    readonly kind: "begin";
    readonly terms: ShareTerms;
    /** Where the thread counts what it has done, in KiB of cost. */
    readonly doneKib: Int32Array<SharedArrayBuffer>;
  }
  | { readonly kind: "take"; readonly batch: ShareBatch }
  | { readonly kind: "finish" }
  /** Its answer has come, or nobody waits for one: it ends. */
  | { readonly kind: "close" };

/** What the thread answers, once. */
export type ShareThreadAnswer =
  | { readonly kind: "done"; readonly share: ResolvedShare }
  | { readonly kind: "failed"; readonly error: ErrorRecord };

/** Has a share taken in by the thread at the other end of a port. */
export class ShareThread implements ShareHelper {
  /** {@inheritDoc ShareHelper.entryCountMin} */
  readonly entryCountMin = INGEST_SHARE_ENTRY_COUNT_MIN;
  /** {@inheritDoc ShareHelper.objectBytesMax} */
  readonly objectBytesMax: number = objectBytesMaxOf(INGEST_SHARE_RING_BYTES);
  readonly #doneKib = new Int32Array(new SharedArrayBuffer(4));
  #givenKib = 0;
  #port: MessagePort | undefined;
  #answer: Promise<ShareThreadAnswer> | undefined;

  /** Makes a helper of the thread behind `port`, which belongs to it. */
  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** {@inheritDoc ShareHelper.backlogKib} */
  get backlogKib(): number {
    return this.#givenKib - Atomics.load(this.#doneKib, 0);
  }

  /** {@inheritDoc ShareHelper.begin} */
  begin(terms: ShareTerms): void {
    assert(this.#port !== undefined, "A share is begun before it is closed");
    const { promise, resolve } = Promise.withResolvers<ShareThreadAnswer>();
    this.#port.onmessage = ({ data }: MessageEvent<ShareThreadAnswer>) => resolve(data);
    this.#answer = promise;
    this.#send({ kind: "begin", terms, doneKib: this.#doneKib });
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
    this.#send({ kind: "close" });
    this.#port?.close();
    this.#port = undefined;
  }

  #send(message: ToShareThread): void {
    this.#port?.postMessage(message);
  }
}
