/**
 * The contract of the consensus store: a small ordered key-value store with transactions, watches
 * and leases, in the shape of etcd v3. Backends: etcd in a cluster, SQLite in a single process,
 * memory in tests. All of them pass the suite in `contract_suite.ts`.
 *
 * Every successful write transaction gets the next revision; all its changes carry that revision.
 * A transaction that resolved is durable and linearizable. One that rejected with `unavailable` may
 * or may not have happened: the caller finds out by reading.
 *
 * @module
 */

/** A position in the store's single history. Starts at 0 for the empty store. */
export type Revision = number;

/** A key with its value and its place in history. */
export interface KeyValue {
  /** Printable ASCII. */
  readonly key: string;
  /** Any bytes. */
  readonly value: Uint8Array;
  /** Revision that created the key, since it was last absent. */
  readonly createRevision: Revision;
  /** Revision of the last change. */
  readonly modRevision: Revision;
  /** Number of changes since creation; 1 for a new key. */
  readonly version: number;
  /** The lease the key lives and dies with. */
  readonly lease?: string;
}

/**
 * A condition of a transaction. An absent key has all numbers 0 and no value: a compare of its value
 * fails, whatever the operator.
 */
export type Compare =
  | {
    readonly key: string;
    readonly target: "version" | "createRevision" | "modRevision";
    readonly operator: "=" | "!=" | "<" | ">";
    readonly value: number;
  }
  | {
    readonly key: string;
    readonly target: "value";
    readonly operator: "=" | "!=";
    readonly value: Uint8Array;
  };

/** A change made by a transaction. */
export type Change =
  | {
    readonly kind: "put";
    readonly key: string;
    readonly value: Uint8Array;
    readonly lease?: string;
  }
  | { readonly kind: "delete"; readonly key: string }
  /** Deletes every key `from <= key < to`. */
  | { readonly kind: "deleteRange"; readonly from: string; readonly to: string };

/**
 * All compares hold: `then` is applied. Else `otherwise` is. A branch that puts a key changes it only
 * once. At most `CONSENSUS_OPERATION_COUNT_MAX` compares, and as many changes in each branch; at most
 * `CONSENSUS_TRANSACTION_BYTES_MAX` bytes of keys and values in all. Keys are printable ASCII.
 */
export interface Transaction {
  /** Conditions, all of which must hold; none always hold. */
  readonly compares: readonly Compare[];
  /** Changes when they do. */
  readonly then: readonly Change[];
  /** Changes when one does not; none unless given. */
  readonly otherwise?: readonly Change[];
}

/** What a transaction did. */
export interface TransactionResult {
  /** Whether all compares held. */
  readonly succeeded: boolean;
  /** The store's revision after the transaction: unchanged when nothing changed. */
  readonly revision: Revision;
}

/** What a range read answers: a consistent view at one revision. */
export interface RangeResult {
  /** In byte order of their keys. */
  readonly entries: readonly KeyValue[];
  /** The revision of the view. */
  readonly revision: Revision;
  /** Whether entries beyond the limit exist. */
  readonly more: boolean;
}

/** One change as seen by a watcher. */
export interface WatchEvent {
  /** Whether the key has a value now or is gone. */
  readonly kind: "put" | "delete";
  /** Printable ASCII. */
  readonly key: string;
  /** Absent on delete. */
  readonly value?: Uint8Array;
  /** The transaction that made it. */
  readonly revision: Revision;
}

/** Half-open key range `from <= key < to`. */
export interface KeyRange {
  /** The first key. */
  readonly from: string;
  /** The first key beyond. */
  readonly to: string;
}

/** The consensus store. */
export interface Consensus {
  /** Reads one key, linearizably. */
  get(key: string): Promise<KeyValue | undefined>;
  /** Reads a range in key order, linearizably, from one revision. */
  range(range: KeyRange, options?: { readonly limit?: number }): Promise<RangeResult>;
  /**
   * Decides and applies a transaction atomically and durably. Its values are not to be changed until
   * it resolves.
   *
   * @throws `unavailable` when the outcome is unknown
   * @throws `invalid` when a put names an unknown lease, or the transaction is malformed or too large
   * @throws `disk-full` when there was no room: nothing happened
   */
  transact(transaction: Transaction): Promise<TransactionResult>;
  /**
   * All changes in a range with a revision greater than `after`, in order, then new ones as they
   * come, until the signal aborts. A batch holds whole revisions, in no order within one.
   *
   * @throws `not-found` when `after` lies before the compacted revision: read again, then watch
   */
  watch(
    range: KeyRange,
    options: { readonly after: Revision; readonly signal: AbortSignal },
  ): AsyncIterable<readonly WatchEvent[]>;
  /** Makes a lease that ends `ttlMs` after its last keep-alive; its keys are deleted then. */
  grantLease(ttlMs: number): Promise<string>;
  /**
   * Prolongs a lease to its full time.
   *
   * @throws `not-found` when it has ended
   */
  keepAlive(lease: string): Promise<void>;
  /** Ends a lease and deletes its keys. An ended lease is no error. */
  revokeLease(lease: string): Promise<void>;
  /** Forgets history up to and including `revision`; current values stay. */
  compact(revision: Revision): Promise<void>;
  /** Releases everything. Watches end. */
  close(): Promise<void>;
}

/** The range of all keys that start with `prefix`. */
export function prefixRange(prefix: string): KeyRange {
  // Keys are ASCII, so U+FFFF is above every continuation of the prefix.
  return { from: prefix, to: `${prefix}\uffff` };
}
