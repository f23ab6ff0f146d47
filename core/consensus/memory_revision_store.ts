/**
 * A {@link RevisionStore} in memory: for tests and simulation. Nothing survives the process.
 *
 * @module
 */

import type { KeyRange, KeyValue, Revision, WatchEvent } from "./consensus.ts";
import type { EventPage, RevisionStore, StoredPut } from "./revision_store.ts";

/** Keys, history and leases in arrays and maps. */
export class MemoryRevisionStore implements RevisionStore {
  #revision: Revision = 0;
  #compacted: Revision = 0;
  readonly #entries = new Map<string, KeyValue>();
  /** Names of {@link MemoryRevisionStore.#entries}, in order. */
  readonly #names: string[] = [];
  #history: WatchEvent[] = [];
  readonly #leases = new Map<string, number>();

  /** The last revision. */
  get revision(): Revision {
    return this.#revision;
  }

  /** The last compacted revision. */
  get compacted(): Revision {
    return this.#compacted;
  }

  /** Runs the work: memory can not fail half-way, so there is nothing to roll back. */
  atomically<T>(work: () => T): T {
    return work();
  }

  /** One key's current state. */
  get(key: string): KeyValue | undefined {
    const found = this.#entries.get(key);
    return found && { ...found, value: found.value.slice() };
  }

  /** Keys of a range in order. */
  range(range: KeyRange, limit: number): { entries: KeyValue[]; more: boolean } {
    const names = this.keys(range);
    return {
      entries: names.slice(0, limit).map((name) => this.get(name)!),
      more: names.length > limit,
    };
  }

  /** The names of a range. */
  keys(range: KeyRange): string[] {
    return this.#names.slice(this.#lowerBound(range.from), this.#lowerBound(range.to));
  }

  /** Makes or changes a key. */
  put(put: StoredPut, revision: Revision): void {
    const before = this.#entries.get(put.key);
    if (before === undefined) this.#names.splice(this.#lowerBound(put.key), 0, put.key);
    const value = put.value.slice();
    this.#entries.set(put.key, {
      key: put.key,
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      ...(put.lease === undefined ? {} : { lease: put.lease }),
    });
    this.#history.push({ kind: "put", key: put.key, value, revision });
  }

  /** Deletes a key. */
  delete(key: string, revision: Revision): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#names.splice(this.#lowerBound(key), 1);
    this.#history.push({ kind: "delete", key, revision });
    return true;
  }

  /** Makes a revision the last one. */
  advance(revision: Revision): void {
    this.#revision = revision;
  }

  /** Events of a range after a revision. */
  events(
    range: KeyRange,
    options: { readonly after: Revision; readonly count: number },
  ): EventPage {
    const events: WatchEvent[] = [];
    for (let index = this.#historyStart(options.after); index < this.#history.length; index++) {
      const event = this.#history[index]!;
      const last = events.at(-1);
      if (last && events.length >= options.count && last.revision !== event.revision) {
        return { events, through: last.revision };
      }
      if (range.from <= event.key && event.key < range.to) {
        events.push(event.value === undefined ? event : { ...event, value: event.value.slice() });
      }
    }
    return { events, through: this.#revision };
  }

  /** Drops events that are old enough, whether their keys still live or not. */
  compact(revision: Revision): void {
    this.#history = this.#history.slice(this.#historyStart(revision));
    this.#compacted = revision;
  }

  /** All leases. */
  leases(): ReadonlyMap<string, number> {
    return this.#leases;
  }

  /** Remembers a lease. */
  addLease(id: string, ttlMs: number): void {
    this.#leases.set(id, ttlMs);
  }

  /** Forgets a lease. */
  removeLease(id: string): void {
    this.#leases.delete(id);
  }

  /** The keys attached to a lease. */
  keysOfLease(id: string): string[] {
    return this.#names.filter((name) => this.#entries.get(name)?.lease === id);
  }

  /** Nothing to release. */
  close(): void {}

  /** Index of the first name that is not below `key`. */
  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first event after a revision. */
  #historyStart(after: Revision): number {
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#history[middle]!.revision <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
