/**
 * The partition log: the truth of the metadata cluster.
 *
 * A partition's log is a sequence of entries numbered from 1. Every entry was written by the primary
 * of one epoch; epochs never decrease along the log. An append is one transaction that compares
 * epoch and last lsn, so a stale primary can not commit.
 *
 * @module
 */

/** Number of a partition: 0 .. partitionCount - 1. */
export type Partition = number & { readonly __brand: "Partition" };
/** Number of a log entry; 0 stands before the first. */
export type Lsn = number & { readonly __brand: "Lsn" };
/** Term of a primary; 0 before the first. */
export type Epoch = number & { readonly __brand: "Epoch" };

/** One committed entry. */
export interface LogEntry {
  /** Its number. */
  readonly lsn: Lsn;
  /** Term of the primary that wrote it. */
  readonly epoch: Epoch;
  /** What it says: the affair of those who append. */
  readonly payload: Uint8Array;
}

/** The end of a log, and where its kept part begins. */
export interface LogHead {
  /** Term of the last fence. */
  readonly epoch: Epoch;
  /** Lsn of the last entry, 0 when there is none. */
  readonly lsn: Lsn;
  /** Lsn of the last truncated entry, 0 when nothing was truncated. */
  readonly truncated: Lsn;
}

/** The ordered, durable logs of all partitions. */
export interface Log {
  /** The current end of a partition's log. */
  head(partition: Partition): Promise<LogHead>;
  /**
   * Opens a new term: from the moment this resolves no append of an older epoch succeeds.
   *
   * @throws `conflict` when the log's epoch is already `epoch` or newer
   */
  fence(partition: Partition, epoch: Epoch): Promise<LogHead>;
  /**
   * Appends entries after `expectedLsn`; all or none. Durable when it resolves.
   *
   * At most `LOG_APPEND_ENTRY_COUNT_MAX` entries with `LOG_APPEND_BYTES_MAX` bytes together. A log
   * has to be fenced once before its first append.
   *
   * @returns the lsn of the last entry
   * @throws `conflict` when the epoch or the last lsn differ: nothing was written
   * @throws `unavailable` when the outcome is unknown: read the log to learn it
   * @throws `invalid` when the append is too large, `disk-full` when there is no room
   */
  append(
    partition: Partition,
    options: {
      readonly epoch: Epoch;
      readonly expectedLsn: Lsn;
      readonly payloads: readonly Uint8Array[];
    },
  ): Promise<Lsn>;
  /**
   * Entries with `lsn > after` in order, at most `limit`.
   *
   * @throws `not-found` when entries after `after` have been truncated: start from a snapshot
   */
  read(partition: Partition, after: Lsn, limit: number): Promise<readonly LogEntry[]>;
  /**
   * Entries with `lsn > after`, then new ones as they are committed, in order and without a gap, until
   * the signal aborts.
   *
   * @throws `not-found` when entries that were not yielded yet have been truncated
   */
  watch(partition: Partition, after: Lsn, signal: AbortSignal): AsyncIterable<readonly LogEntry[]>;
  /**
   * Forgets entries with `lsn <= upTo`. The caller has made them durable elsewhere.
   *
   * @throws `invalid` when the log ends before `upTo`
   */
  truncate(partition: Partition, upTo: Lsn): Promise<void>;
}
