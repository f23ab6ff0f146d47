/**
 * A second thread for the deltas of a large push. It exists while it has a share to resolve, so that its
 * memory is given back before the push is written.
 *
 * @module
 */

import { GitStratumError, INGEST_SHARE_DELTA_COUNT_MIN } from "@gitstratum/core";
import type { DeltaHelper, DeltaShare, ResolvedShare } from "./delta_share.ts";
import { errorOf, type ErrorRecord } from "./worker_message.ts";

/** Where the thread finds the pack. */
export interface DeltaThreadPlace {
  /** Path of the directory that holds the spool. */
  readonly directory: string;
  /** Name of the spool's file. */
  readonly spoolName: string;
  /** Holds 1 once the ingest has ended: ending its thread does not end the threads that it made. */
  readonly ended: Int32Array<SharedArrayBuffer>;
}

/** What the thread is told. */
export interface DeltaThreadTask extends DeltaThreadPlace {
  readonly share: DeltaShare;
}

/** What the thread answers. */
export type DeltaThreadAnswer =
  | { readonly kind: "done"; readonly share: ResolvedShare }
  | { readonly kind: "failed"; readonly error: ErrorRecord };

/** Runs a share in a worker. */
export class DeltaThread implements DeltaHelper {
  /** {@inheritDoc DeltaHelper.deltaCountMin} */
  readonly deltaCountMin = INGEST_SHARE_DELTA_COUNT_MIN;
  readonly #place: DeltaThreadPlace;
  #worker: Worker | undefined;

  /** Makes a helper that has no thread yet. */
  constructor(place: DeltaThreadPlace) {
    this.#place = place;
  }

  /** {@inheritDoc DeltaHelper.resolve} */
  resolve(share: DeltaShare): Promise<ResolvedShare> {
    const worker = new Worker(new URL("./delta_worker.ts", import.meta.url), { type: "module" });
    this.#worker = worker;
    const { promise, resolve, reject } = Promise.withResolvers<ResolvedShare>();
    worker.onmessage = ({ data: answer }: MessageEvent<DeltaThreadAnswer>) => {
      if (answer.kind === "done") resolve(answer.share);
      else reject(errorOf(answer.error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const data = { reason: event.message };
      reject(new GitStratumError("unavailable", "Lose a delta worker", { data }));
    };
    const { columns } = share;
    // The copies of the columns are moved, not copied once more.
    const transfer = Object.values(columns).map((column) => column.buffer);
    worker.postMessage({ ...this.#place, share } satisfies DeltaThreadTask, { transfer });
    return promise;
  }

  /** {@inheritDoc DeltaHelper.close} */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}
