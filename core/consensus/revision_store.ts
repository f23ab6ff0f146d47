/**
 * What a local consensus store needs from its storage: the current keys, the recent past, leases.
 *
 * All calls are synchronous. Writes happen inside {@link RevisionStore.atomically} only. Each value is
 * stored once; a key's current state points at the change that made it, and changes that were
 * overtaken stay until compaction so that watchers can catch up.
 *
 * @module
 */

import type { KeyRange, KeyValue, Revision, WatchEvent } from "./consensus.ts";

/** A put as a store sees it. */
export interface StoredPut {
  /** Printable ASCII. */
  readonly key: string;
  /** Any bytes. */
  readonly value: Uint8Array;
  /** The lease that the key is attached to from now on; none detaches it. */
  readonly lease?: string;
}

/** A stretch of history. */
export interface EventPage {
  /** Whole revisions, oldest first. */
  readonly events: readonly WatchEvent[];
  /** Every event of the range up to and including this revision is known after the page. */
  readonly through: Revision;
}

/** Storage of a local consensus store. */
export interface RevisionStore {
  /** The last revision. */
  readonly revision: Revision;
  /** History up to and including this revision may be gone. */
  readonly compacted: Revision;
  /**
   * Runs `work`. On return all it wrote is durable; when it throws nothing was written.
   *
   * @throws `disk-full` when there was no room: nothing was written
   * @throws `unavailable` when the device failed: the store has to be opened again
   */
  atomically<T>(work: () => T): T;
  /** One key's current state. */
  get(key: string): KeyValue | undefined;
  /** Keys of a range in order, at most `limit`, and whether there are more. */
  range(range: KeyRange, limit: number): { entries: KeyValue[]; more: boolean };
  /** The names alone of all keys of a range. */
  keys(range: KeyRange): string[];
  /** Makes or changes a key at a revision above the last. */
  put(put: StoredPut, revision: Revision): void;
  /** Deletes a key at a revision above the last; tells whether it was there. */
  delete(key: string, revision: Revision): boolean;
  /** Makes `revision` the last one. */
  advance(revision: Revision): void;
  /** Events of a range after a revision: whole revisions, stopping beyond `count` events. */
  events(range: KeyRange, options: { readonly after: Revision; readonly count: number }): EventPage;
  /** Forgets what was overtaken at or before `revision`. */
  compact(revision: Revision): void;
  /** All leases with their times in milliseconds. */
  leases(): ReadonlyMap<string, number>;
  /** Remembers a lease. */
  addLease(id: string, ttlMs: number): void;
  /** Forgets a lease. */
  removeLease(id: string): void;
  /** The keys attached to a lease. */
  keysOfLease(id: string): string[];
  /** Releases files and locks. */
  close(): void;
}
