/**
 * A consensus store inside one process, over any {@link RevisionStore}.
 *
 * Invariants:
 * - Writes are queued and decided one after another in the order of their calls, so the history is
 *   linear. All writes that are waiting are decided inside one atomic step of the storage (group
 *   commit), each with its own revision and its own result.
 * - Nothing is answered and no watcher wakes before that step is durable.
 * - Reads run between such steps, never inside one: they see durable state only.
 *
 * Faults: a full disk rejects the waiting writes with `disk-full` and leaves the store as it was. A
 * failed device ends the store: whoever continued after a failed fsync could lose what it
 * acknowledges.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { CONSENSUS_HISTORY_REVISION_COUNT, CONSENSUS_QUEUE_COUNT_MAX } from "../limits.ts";
import { type Random, randomId } from "../random.ts";
import type {
  Change,
  Consensus,
  KeyRange,
  KeyValue,
  RangeResult,
  Revision,
  Transaction,
  TransactionResult,
  WatchEvent,
} from "./consensus.ts";
import { LeaseTable } from "./lease_table.ts";
import type { RevisionStore } from "./revision_store.ts";
import { checkKey, checkTransaction, holds } from "./transaction.ts";
import { type WatchBell, WatchHub } from "./watch_hub.ts";

/** Writes in one atomic step: some milliseconds at most, so that the event loop stays responsive. */
const BATCH_COUNT_MAX = 256;
/** Events that a watcher reads at once. */
const WATCH_PAGE_COUNT = 256;
/** History is cut in steps of this many revisions, so that each cut is short. */
const COMPACTION_STEP_COUNT = 512;

/** The world of a local store. */
export interface LocalConsensusOptions {
  /** Counts leases. */
  readonly clock: Clock;
  /** Draws the names of leases. */
  readonly random: Random;
  /** Past revisions kept for watchers; default `CONSENSUS_HISTORY_REVISION_COUNT`. */
  readonly historyRevisionCount?: number;
}

/** Decides when waiting writes are flushed: later, once everything ready now has run. */
export type Defer = (flush: () => void) => void;

interface Job {
  /** Throws a GitStratumError before its first write, or not at all. */
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

type Outcome = { readonly value: unknown } | { readonly error: GitStratumError };

/** {@link Consensus} over a synchronous store in this process. */
export class LocalConsensus implements Consensus {
  readonly #store: RevisionStore;
  readonly #defer: Defer;
  readonly #random: Random;
  readonly #historyRevisionCount: number;
  readonly #hub = new WatchHub();
  readonly #leases: LeaseTable;
  #queue: Job[] = [];
  #flushIsDue = false;
  #changed: { readonly key: string; readonly revision: Revision }[] = [];
  #closed = false;

  /** Takes over an open store; its leases begin anew with their whole time. */
  constructor(store: RevisionStore, options: LocalConsensusOptions & { readonly defer: Defer }) {
    this.#store = store;
    this.#defer = options.defer;
    this.#random = options.random;
    this.#historyRevisionCount = options.historyRevisionCount ?? CONSENSUS_HISTORY_REVISION_COUNT;
    this.#leases = new LeaseTable(options.clock, (id) => this.revokeLease(id));
    for (const [id, ttlMs] of store.leases()) this.#leases.add(id, ttlMs);
  }

  /** Reads one key. */
  // deno-lint-ignore require-await -- errors of a promise interface reject
  async get(key: string): Promise<KeyValue | undefined> {
    this.#checkOpen();
    checkKey(key);
    return this.#store.get(key);
  }

  /** Reads a range in key order. */
  // deno-lint-ignore require-await -- errors of a promise interface reject
  async range(
    range: KeyRange,
    options: { readonly limit?: number } = {},
  ): Promise<RangeResult> {
    this.#checkOpen();
    const found = this.#store.range(range, options.limit ?? Number.MAX_SAFE_INTEGER);
    return { ...found, revision: this.#store.revision };
  }

  /** Decides and applies a transaction; its values are not to be changed until it resolves. */
  // deno-lint-ignore require-await -- errors of a promise interface reject
  async transact(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    return this.#enqueue(() => this.#decide(transaction));
  }

  /** Streams changes of a range; see {@link Consensus.watch}. */
  async *watch(
    range: KeyRange,
    options: { readonly after: Revision; readonly signal: AbortSignal },
  ): AsyncIterable<readonly WatchEvent[]> {
    this.#checkOpen();
    const bell = this.#hub.add(range);
    const onAbort = () => bell.close();
    options.signal.addEventListener("abort", onAbort);
    if (options.signal.aborted) bell.close();
    try {
      yield* this.#follow(bell, options.after);
    } finally {
      options.signal.removeEventListener("abort", onAbort);
      this.#hub.remove(bell);
    }
  }

  /** Makes a lease; see {@link Consensus.grantLease}. */
  async grantLease(ttlMs: number): Promise<string> {
    assert(Number.isSafeInteger(ttlMs) && ttlMs > 0, "A lease lives for whole milliseconds");
    const id = randomId(this.#random).slice(0, 16);
    await this.#enqueue(() => this.#store.addLease(id, ttlMs));
    this.#leases.add(id, ttlMs);
    return id;
  }

  /** Prolongs a lease. */
  // deno-lint-ignore require-await -- errors of a promise interface reject
  async keepAlive(lease: string): Promise<void> {
    this.#checkOpen();
    if (this.#leases.renew(lease)) return;
    throw new GitStratumError("not-found", "Find no living lease", { data: { lease } });
  }

  /** Ends a lease and deletes its keys. */
  async revokeLease(lease: string): Promise<void> {
    await this.#enqueue(() => {
      this.#apply(this.#store.keysOfLease(lease).map((key) => ({ kind: "delete", key })));
      this.#store.removeLease(lease);
    });
    this.#leases.remove(lease);
  }

  /** Forgets history; an older revision than the last compaction's is no error. */
  // deno-lint-ignore require-await -- errors of a promise interface reject
  async compact(revision: Revision): Promise<void> {
    return this.#enqueue(() => {
      if (revision > this.#store.revision) {
        throw new GitStratumError("invalid", "Compact only what has happened", {
          data: { wanted: revision, last: this.#store.revision },
        });
      }
      if (revision > this.#store.compacted) this.#store.compact(revision);
    });
  }

  /** Decides what is waiting, then ends watches and releases the storage. */
  // deno-lint-ignore require-await -- errors of a promise interface reject
  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#queue.length > 0) this.#flush();
    this.#closed = true;
    this.#leases.close();
    this.#hub.close();
    this.#store.close();
  }

  async *#follow(bell: WatchBell, after: Revision): AsyncGenerator<readonly WatchEvent[]> {
    let position = after;
    while (!bell.closed) {
      if (position < this.#store.compacted) {
        throw new GitStratumError("not-found", "Watch from a revision that is not compacted", {
          data: { after: position, compacted: this.#store.compacted },
        });
      }
      const page = this.#store.events(bell.range, { after: position, count: WATCH_PAGE_COUNT });
      position = Math.max(position, page.through);
      const drained = page.through >= this.#store.revision;
      if (drained) bell.reset();
      if (page.events.length > 0) yield page.events;
      if (!drained) continue;
      const rungAt = await bell.rung();
      // Nothing of the range changed before the bell rang, however much else did.
      if (rungAt !== undefined) position = Math.max(position, rungAt - 1);
    }
  }

  #enqueue<T>(run: () => T): Promise<T> {
    this.#checkOpen();
    if (this.#queue.length >= CONSENSUS_QUEUE_COUNT_MAX) {
      throw new GitStratumError("unavailable", "Wait for queued writes", {
        data: { queued: this.#queue.length },
      });
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run, resolve: (value) => resolve(value as T), reject });
      this.#flushLater();
    });
  }

  #flushLater(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    this.#defer(() => {
      this.#flushIsDue = false;
      if (!this.#closed) this.#flush();
      if (this.#queue.length > 0) this.#flushLater();
    });
  }

  /** Decides one batch in one atomic step, then answers it. */
  #flush(): void {
    const jobs = this.#queue.splice(0, BATCH_COUNT_MAX);
    if (jobs.length === 0) return;
    this.#changed = [];
    let outcomes: Outcome[];
    try {
      outcomes = this.#store.atomically(() => {
        const decided = jobs.map(runJob);
        this.#trimHistory();
        return decided;
      });
    } catch (error) {
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const [index, job] of jobs.entries()) {
      const outcome = outcomes[index]!;
      if ("error" in outcome) job.reject(outcome.error);
      else job.resolve(outcome.value);
    }
    for (const { key, revision } of this.#changed) this.#hub.notify(key, revision);
  }

  #decide(transaction: Transaction): TransactionResult {
    const succeeded = transaction.compares.every((compare) =>
      holds(compare, this.#store.get(compare.key))
    );
    const changes = succeeded ? transaction.then : transaction.otherwise ?? [];
    for (const change of changes) {
      if (change.kind !== "put" || change.lease === undefined) continue;
      if (!this.#leases.has(change.lease)) {
        throw new GitStratumError("invalid", "Attach keys to living leases only", {
          data: { key: change.key, lease: change.lease },
        });
      }
    }
    this.#apply(changes);
    return { succeeded, revision: this.#store.revision };
  }

  /** Applies changes as the next revision, unless none of them changes anything. */
  #apply(changes: readonly Change[]): void {
    const revision = this.#store.revision + 1;
    const countBefore = this.#changed.length;
    for (const change of changes) this.#applyOne(change, revision);
    if (this.#changed.length > countBefore) this.#store.advance(revision);
  }

  #applyOne(change: Change, revision: Revision): void {
    switch (change.kind) {
      case "put":
        this.#store.put(change, revision);
        this.#changed.push({ key: change.key, revision });
        return;
      case "delete":
        if (this.#store.delete(change.key, revision)) {
          this.#changed.push({ key: change.key, revision });
        }
        return;
      case "deleteRange":
        for (const key of this.#store.keys(change)) {
          this.#store.delete(key, revision);
          this.#changed.push({ key, revision });
        }
    }
  }

  /** Keeps the wanted length of history, cut in steps. */
  #trimHistory(): void {
    const revision = this.#store.revision - this.#historyRevisionCount;
    if (revision - this.#store.compacted >= COMPACTION_STEP_COUNT) this.#store.compact(revision);
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new GitStratumError("unavailable", "Use the consensus store only while it is open");
  }
}

/** A refused write is its caller's affair; anything else ends the whole batch. */
function runJob(job: Job): Outcome {
  try {
    return { value: job.run() };
  } catch (error) {
    if (error instanceof GitStratumError) return { error };
    throw error;
  }
}
