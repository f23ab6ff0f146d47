/**
 * Adds records that nothing else depends on, many in one transaction: what comes while one is on its
 * way goes together with the next.
 *
 * Invariant: each is decided by its own conditions. When those of one do not hold, or two are the same,
 * all of their transaction are decided one by one.
 *
 * @module
 */

import { ACCESS_QUEUE_COUNT_MAX, GitStratumError, hasCode } from "@gitstratum/core";
import type { Change, Compare, Consensus, TransactionResult } from "@gitstratum/core/consensus";
import type { AccountAct, AccountAudit } from "../audit/account_audit.ts";

/** A record that is to be added. */
export interface Insertion {
  /** All of them hold, or nothing happens. At most two. */
  readonly compares: readonly Compare[];
  /** Adds it. */
  readonly change: Change;
  /** What the audit trail tells of it. */
  readonly act: AccountAct | undefined;
}

interface Waiting {
  readonly insertion: Insertion;
  readonly resolve: (result: TransactionResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Insertions in one transaction: two conditions and two changes each, and room for what all share. */
const BATCH_COUNT_MAX = 50;

/** Adds records. */
export class InsertQueue {
  readonly #consensus: Consensus;
  readonly #audit: AccountAudit;
  readonly #head: Change;
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  /** Makes a queue; `head` goes with each transaction. */
  constructor(options: {
    readonly consensus: Consensus;
    readonly audit: AccountAudit;
    readonly head: Change;
  }) {
    this.#consensus = options.consensus;
    this.#audit = options.audit;
    this.#head = options.head;
  }

  /** Adds a record; tells whether its conditions held. @throws `unavailable` as the store does */
  add(insertion: Insertion): Promise<TransactionResult> {
    if (this.#waiting.length >= ACCESS_QUEUE_COUNT_MAX) {
      throw new GitStratumError("unavailable", "Have too many records waiting to be added", {
        data: { countMax: ACCESS_QUEUE_COUNT_MAX },
      });
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ insertion, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Never rejects: those who wait are told. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      await this.#decide(this.#waiting.splice(0, BATCH_COUNT_MAX));
    }
    this.#isRunning = false;
  }

  async #decide(batch: readonly Waiting[]): Promise<void> {
    try {
      const result = await this.#transact(batch.map(({ insertion }) => insertion));
      if (result.succeeded || batch.length === 1) {
        for (const { resolve } of batch) resolve(result);
        return;
      }
    } catch (error) {
      // Two of them may be the same, said twice: that is no transaction.
      if (!hasCode(error, "invalid") || batch.length === 1) {
        for (const { reject } of batch) reject(error);
        return;
      }
    }
    for (const one of batch) await this.#decide([one]);
  }

  #transact(insertions: readonly Insertion[]): Promise<TransactionResult> {
    const acts = insertions.map(({ act }) => act).filter((act) => act !== undefined);
    return this.#consensus.transact({
      compares: insertions.flatMap(({ compares }) => compares),
      then: [
        this.#head,
        ...insertions.map(({ change }) => change),
        ...this.#audit.changes(acts),
      ],
    });
  }
}
