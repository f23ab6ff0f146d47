/**
 * A consensus store behind a line that tests cut: the process at this end goes on, what it sends or
 * hears does not arrive.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import type {
  Consensus,
  KeyRange,
  KeyValue,
  RangeResult,
  Revision,
  Transaction,
  TransactionResult,
  WatchEvent,
} from "../consensus.ts";

/** {@link Consensus} over another one that stays its owner's to close. */
export class CutConsensus implements Consensus {
  /** Nothing arrives, in either direction. */
  isCut = false;
  /** Requests arrive and take effect, their answers are lost. */
  isDeaf = false;
  readonly #store: Consensus;

  /** Makes a line that works. */
  constructor(store: Consensus) {
    this.#store = store;
  }

  /** Lets everything arrive again. */
  mend(): void {
    this.isCut = false;
    this.isDeaf = false;
  }

  /** Reads one key. */
  get(key: string): Promise<KeyValue | undefined> {
    return this.#pass(() => this.#store.get(key));
  }

  /** Reads a range. */
  range(range: KeyRange, options?: { readonly limit?: number }): Promise<RangeResult> {
    return this.#pass(() => this.#store.range(range, options));
  }

  /** Decides a transaction. */
  transact(transaction: Transaction): Promise<TransactionResult> {
    return this.#pass(() => this.#store.transact(transaction));
  }

  /** Streams changes, until one comes while the line is cut. */
  async *watch(
    range: KeyRange,
    options: { readonly after: Revision; readonly signal: AbortSignal },
  ): AsyncIterable<readonly WatchEvent[]> {
    for await (const events of this.#store.watch(range, options)) {
      if (this.isCut) throw lost();
      yield events;
    }
  }

  /** Makes a lease. */
  grantLease(ttlMs: number): Promise<string> {
    return this.#pass(() => this.#store.grantLease(ttlMs));
  }

  /** Prolongs a lease. */
  keepAlive(lease: string): Promise<void> {
    return this.#pass(() => this.#store.keepAlive(lease));
  }

  /** Ends a lease. */
  revokeLease(lease: string): Promise<void> {
    return this.#pass(() => this.#store.revokeLease(lease));
  }

  /** Forgets history. */
  compact(revision: Revision): Promise<void> {
    return this.#pass(() => this.#store.compact(revision));
  }

  /** Nothing: the store is somebody else's. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.isCut) throw lost();
    const answer = await call();
    if (this.isCut || this.isDeaf) throw lost();
    return answer;
  }
}

function lost(): GitStratumError {
  return new GitStratumError("unavailable", "Lose what was sent over a cut line");
}
