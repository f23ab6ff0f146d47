/**
 * How much an ingest may still inflate and rebuild.
 *
 * @module
 */

import type { GitStratumError } from "@gitstratum/core/error";
import { INGEST_WORK_BYTES_BASE, INGEST_WORK_FACTOR_MAX } from "@gitstratum/core/limits";
import { badPack } from "./bad_pack.ts";

/** Thrown when an ingest without a worker has more to do than the event loop should wait for. */
export class NeedsWorker extends Error {
  override readonly name = "NeedsWorker";
}

/** Counts bytes that were inflated or rebuilt. */
export class WorkBudget {
  #left: number;
  #factor: number;
  readonly #exceeded: () => GitStratumError | NeedsWorker;

  private constructor(
    bytes: number,
    factor: number,
    exceeded: () => GitStratumError | NeedsWorker,
  ) {
    this.#left = bytes;
    this.#factor = factor;
    this.#exceeded = exceeded;
  }

  /** What any push may do, more for larger ones. */
  static forPush(): WorkBudget {
    return new WorkBudget(
      INGEST_WORK_BYTES_BASE,
      INGEST_WORK_FACTOR_MAX,
      () => badPack("Reject a pack that takes too much work to unpack"),
    );
  }

  /** What may be done before a worker has to take over. */
  static inline(bytes: number): WorkBudget {
    return new WorkBudget(bytes, 0, () => new NeedsWorker("Hand an ingest over to a worker"));
  }

  /** A share of what a push may do; what is used of it has to be charged to the push. */
  static forShare(bytes: number): WorkBudget {
    return new WorkBudget(
      bytes,
      INGEST_WORK_FACTOR_MAX,
      () => badPack("Reject a pack that takes too much work to unpack"),
    );
  }

  /** Bytes that may still be inflated and rebuilt. */
  get left(): number {
    return this.#left;
  }

  /** Counts bytes of the pack that came. */
  grant(packBytes: number): void {
    this.#left += packBytes * this.#factor;
  }

  /**
   * Counts work that is about to be done.
   *
   * @throws `invalid`, or {@link NeedsWorker}
   */
  charge(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw this.#exceeded();
  }

  /**
   * Notes that what follows writes scratch files, whatever it costs.
   *
   * @throws {@link NeedsWorker} unless a worker does it
   */
  requireWorker(): void {
    if (this.#factor === 0) throw this.#exceeded();
  }
}
